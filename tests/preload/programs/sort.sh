# sort: in memory with threads, with temporary files, by key, stable, merged, and uniq and join behind it.
needs="sort awk" packages="coreutils mawk"

run() {
    awk -v n="$(scaled 300000)" 'BEGIN { srand(1); for (i = 0; i < n; i++) printf "%d %x %s\n", rand() * 1e9, rand() * 1e9, i % 1000 }' >lines
    tiered sort --parallel=2 lines | md5sum
    tiered sort -n -k1,1 -S 4M -T . lines | md5sum
    tiered sort -s -k3,3n -u lines | md5sum
    tiered sort -R --random-source=lines lines | wc -l
    tiered sort lines >a && tiered sort -r lines | tiered sort | cmp - a
    tiered sort -m a a | tiered uniq -c | tail -n 2
    tiered sort -c lines
    echo "status $?"
}
