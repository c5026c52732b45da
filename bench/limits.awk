# The second table of bench/run: measures against limits. See limits.txt for the columns.
#
#   awk -v below_file=FILE -v red= -v green= -v bold= -v plain= -f limits.awk NUMBERS limits.txt

# What follows the first `count` words of a line.
function after(line, count) {
    while (count-- > 0) sub(/^[^ ]+ +/, "", line)
    return line
}

function kept(value, limit,   number) {
    number = limit
    gsub(/[<>=]/, "", number)
    number += 0
    value += 0
    if (limit ~ /^<=/) return value <= number
    if (limit ~ /^>=/) return value >= number
    if (limit ~ /^</) return value < number
    return value > number
}

function readable(value) {
    return value == "" ? "-" : sprintf(value < 100 && value != int(value) ? "%.1f" : "%.0f", value)
}

BEGIN { below = 0 }
FNR == NR { value[$1, $2, $4] = $5; next }
/^#/ || NF == 0 { next }
!headed++ {
    printf "\n%s%-64s%10s%10s  %-5s%8s%s\n", bold, "memory and limits", "Terrace", "peer", "", "limit", plain
}
{
    line = after($0, 4)
    ours = value["terrace", $1, $2]
    verdict = ""
    if ($3 != "-") {
        verdict = ours != "" && kept(ours, $3) ? green "kept" plain : red "not kept" plain
        if (verdict ~ /not/) ++below
    }
    printf "  %-62s%10s%10s  %-5s%8s  %s\n", line, readable(ours), readable(value["peer", $1, $2]), $4 == "-" ? "" : $4,
        $3 == "-" ? "" : $3, verdict
}
END { print below > below_file }
