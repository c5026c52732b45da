# git: commits, branches, a merge, blame, packing with threads, a clone and a check of every object.
needs="git" packages="git"

run() {
    export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=A \
        GIT_COMMITTER_EMAIL=a@b GIT_AUTHOR_DATE="2020-01-01T00:00:00Z" GIT_COMMITTER_DATE="2020-01-01T00:00:00Z"
    tiered git init -q -b main repo && cd repo || return 1
    for i in $(seq 1 300); do seq "$i" $((i + 200)) >"file$i"; done
    tiered git add . && tiered git commit -q -m first
    tiered git checkout -q -b side
    for i in $(seq 1 2 300); do echo "side $i" >>"file$i"; done
    tiered git commit -q -a -m side
    tiered git checkout -q main
    for i in $(seq 2 2 300); do sed -i "5s/.*/main $i/" "file$i"; done
    tiered git commit -q -a -m main
    tiered git merge -q -m merged side
    tiered git log --graph --stat --oneline | md5sum
    tiered git blame file7 | tail -n 2
    tiered git diff HEAD~1 | md5sum
    tiered git -c pack.threads=2 gc -q --aggressive
    tiered git fsck --full 2>&1
    cd .. && tiered git clone -q repo copy && cd copy && tiered git rev-parse HEAD && tiered git status --short
    tiered git grep -c 'main 4'
    tiered git log --no-such-option
    echo "status $?"
}
