# The table of bench/run: aims against what was measured. See aims.txt for the columns.
#
#   awk -v only_main=yes|no -v below_file=FILE -v red= -v green= -v bold= -v plain= -f table.awk NUMBERS aims.txt
#
# NUMBERS has lines "side program variant scenario ns". The number of ratios below their aims goes to below_file.

# What follows the first `count` words of a line.
function after(line, count) {
    while (count-- > 0) sub(/^[^ ]+ +/, "", line)
    return line
}

# A time in ns, in the unit that suits it; of a scenario "peak_PROGRAM", memory in KiB.
function readable(ns, scenario) {
    if (ns == "") return "-"
    if (scenario ~ /^peak_/) return sprintf("%.2f MiB", ns / 1024)
    if (ns < 10000) return sprintf("%.1f ns", ns)
    if (ns < 10000000) return sprintf("%.1f us", ns / 1000)
    return sprintf("%.1f ms", ns / 1000000)
}

# A ratio beside its aim, as "1.02x of 0.95"; counts it and colours it when it is below.
function judged(theirs, ours, aim,   ratio, text) {
    if (theirs == "" || ours == "") return sprintf("%15s", "-")
    ratio = theirs / ours
    text = sprintf(ratio < 9.95 ? "%.2fx" : "%.1fx", ratio)
    if (aim == "-") return sprintf("%15s", text "        ")
    text = sprintf("%15s", sprintf("%s of %-4s", text, aim))
    if (ratio + 0.005 >= aim) return green text plain
    ++below
    return red text plain
}

# What two threads do more than one, on this machine, when they share nothing: jemalloc's blocks that are freed at once come
# from its threads' caches; elsewhere it is a program's scenario "machine". 2 on two cores; 1.3 or so on the two threads of one
# core, where the aim is lowered likewise.
function scaling_of_machine(group,   scenarios, s, count, one, two, best) {
    one = ns["terrace", group, "machine"]
    two = ns["terrace", group, "machine_2_threads"]
    if (one != "" && two != "") best = 2 * one / two
    count = split("pair_16 pair_64 pair_256 pair_1K", scenarios, " ")
    for (s = 1; s <= count; ++s) {
        one = ns["jemalloc", group, scenarios[s]]
        two = ns["jemalloc", group, scenarios[s] "_2_threads"]
        if (one != "" && two != "" && 2 * one / two > best) best = 2 * one / two
    }
    return best == "" || best > 2 ? 2 : best
}

function heading(title, third) {
    printf "\n%s%-37.37s%11s%11s%11s%15s%15s%15s%s\n", bold, title, "Terrace", third, "peer", "/ " third, "/ peer", \
        third == "bare" || third == "lmdb" ? "" : "2 threads", plain
}

# A group has the title of its program and variant ("bench_kv/disk"), or of its variant, or of its program.
function title_of(program, variant) {
    if ((program "/" variant) in title) return title[program "/" variant]
    return variant in title ? title[variant] : program in title ? title[program] : program
}

FNR == NR { ns[$1, $2, $3, $4] = $5; measured[$2, $3] = 1; has[$1, $2, $3] = 1; next }
/^#/ || NF == 0 { next }
$1 == "=" {
    variant = $2
    title[variant] = after($0, 2)
    next
}
{
    line = after($0, 7)
    count = split($2, variants, ",")
    for (i = 1; i <= count; ++i) {
        group = $1 SUBSEP variants[i]
        if (!(group in rows)) order[++groups] = group
        if (only_main == "no" || $7 == "main") {
            row[group, ++rows[group]] = $3
            peer_aim[group, $3] = $4
            jemalloc_aim[group, $3] = $5
            threads_aim[group, $3] = $6 # of cores that share nothing
            name[group, $3] = line
        }
    }
}

END {
    below = 0
    for (g = 1; g <= groups; ++g) {
        group = order[g]
        if (!rows[group] || !(group in measured)) continue
        split(group, part, SUBSEP)
        machine = scaling_of_machine(group)
        third = ("bare", group) in has ? "bare" : ("lmdb", group) in has ? "lmdb" : "jemalloc"
        heading(title_of(part[1], part[2]), third)
        for (r = 1; r <= rows[group]; ++r) {
            scenario = row[group, r]
            ours = ns["terrace", group, scenario]
            two = ns["terrace", group, scenario "_2_threads"]
            if (ours == "") {
                printf "  %-35s%11s  Terrace has no such kind here\n", name[group, scenario], "-"
                if (peer_aim[group, scenario] != "-") ++below
                continue
            }
            peer = ns["peer", group, scenario]
            jemalloc = ns[third, group, scenario]
            printf "  %-35s%11s%11s%11s%s%s%s\n", name[group, scenario], readable(ours, scenario), readable(jemalloc, scenario),
                readable(peer, scenario), judged(jemalloc, ours, jemalloc_aim[group, scenario]), judged(peer, ours, peer_aim[group, scenario]),
                # Two threads in the time "two" for a pair each, where one thread takes "ours".
                two == "" ? "" : judged(2 * ours, two, sprintf("%.2f", threads_aim[group, scenario] * machine / 2))
        }
    }
    print below > below_file
}
