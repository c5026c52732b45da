# rsync: a tree copied by its three processes, again after changes with deltas, with deletions, checksums, links, filters and compression.
needs="rsync awk" packages="rsync mawk"

run() {
    mkdir tree && awk -v n="$(scaled 200000)" 'BEGIN { srand(4); for (i = 0; i < n; i++) print int(rand() * 1e6) > ("tree/" (i % 300)) }'
    mkdir tree/deep && cp tree/1? tree/deep && ln tree/1 tree/hard && ln -s 2 tree/soft
    tiered rsync -aH tree/ copy/ && diff -r tree copy && echo same
    sed -i '100s/.*/changed/' tree/2?; echo more >>tree/7; rm tree/3; touch -d @2000000000 tree/2? tree/5 tree/7
    tiered rsync -aHi --no-whole-file --delete --checksum tree/ copy/ | sort | cut -c 1-11,12- | grep -v '^\.d' | head -n 20
    diff -r tree copy && echo same
    tiered rsync -a --stats --exclude='1*' --include='*/' --max-size=5k tree/ part/ | grep -E 'files transferred|Number of files'
    tiered rsync -az --no-whole-file --inplace --compress-level=9 --bwlimit=0 -B 700 tree/2 copy/7 && cmp tree/2 copy/7
    tiered rsync --list-only tree/deep/ | wc -l
    tiered rsync -a --link-dest="$PWD/copy" tree/ third/ && [ third/9 -ef copy/9 ] && echo linked
    tiered rsync -a missing/ out/ 2>&1 | sed 's/"[^"]*"/PATH/; s/[(]code.*//'
}
