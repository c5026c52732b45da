# awk: mawk and, if it is there, gawk: large hashes, string building, sorting, regular expressions, pipes.
needs="mawk" packages="mawk gawk"

run() {
    sed "s/COUNT/$(scaled 200000)/" >program.awk <<'AWK'
BEGIN {
    for (i = 0; i < COUNT; i++) { key = "k" (i * 7919 % 100003); h[key] += i }
    for (k in h) { n++; sum += h[k] }
    print n, sum
    for (i = 0; i < 3000; i++) text = text i ","
    gsub(/1[0-9]/, "<&>", text)
    print length(text), split(text, parts, ","), toupper(substr(text, 1, 30))
    for (i = 0; i < 1000; i++) delete h["k" i]
    n = 0; for (k in h) n++; print n
    while (("seq 1 1000" | getline line) > 0) total += line
    print total, sprintf("%08.3f|%-10s|%x", 3.14159, "left", 255)
    exit 3
}
AWK
    for awk in mawk gawk; do
        command -v $awk >/dev/null || continue
        tiered $awk -f program.awk
        echo "$awk status $?"
    done
}
