# tar with zstd, several threads: pack, list, test, unpack, compare; a damaged archive must be noticed.
needs="tar zstd awk" packages="tar zstd mawk"

run() {
    mkdir tree && awk -v n="$(scaled 400000)" 'BEGIN { srand(3); for (i = 0; i < n; i++) print int(rand() * 1e6) > ("tree/" (i % 200)) }'
    ln -s 1 tree/link
    tiered tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -I 'zstd -T2 -9' -cf archive.tar.zst tree
    tiered zstd -q -t archive.tar.zst && md5sum <archive.tar.zst
    tiered tar -I zstd -tvf archive.tar.zst | md5sum
    mkdir out && tiered tar -I zstd -xf archive.tar.zst -C out && diff -r tree out/tree && echo same
    tiered zstd -q --ultra -22 --long=27 -k tree/5 -c | tiered zstd -q -d | cmp - tree/5
    head -c 100000 archive.tar.zst | tiered zstd -q -d >/dev/null
    echo "status $?"
}
