# bash: arrays, strings, functions, subshells, pipes, process substitution, traps, here-documents.
needs="bash" packages="bash"

run() {
    cat >script.bash <<'SCRIPT'
declare -A count
for i in {1..20000}; do
    list[i]="item-$i"
    count[$((i % 997))]+=x
done
echo "${#list[@]} ${#count[@]} ${#count[5]}"
text=""
for i in {1..2000}; do text+="$i,"; done
echo "${#text} ${text//,1/_} " | md5sum
fib() { if (($1 < 2)); then echo "$1"; else echo $(($(fib $(($1 - 1))) + $(fib $(($1 - 2))))); fi; }
fib 9
diff <(printf '%s\n' a b c) <(printf '%s\n' a x c)
trap 'echo leaving' EXIT
for i in 1 2 3 4; do (echo "job $i" >"job.$i"; exit "$i") & done
wait
cat job.*
trap 'echo signalled' USR1; kill -USR1 $$ 2>/dev/null & wait
mapfile -t lines < <(seq 1 5000); echo "${lines[4999]}"
echo "abc123" | { read -r line; [[ $line =~ ([a-z]+)([0-9]+) ]] && echo "${BASH_REMATCH[2]}"; }
exit 7
SCRIPT
    tiered bash script.bash
    echo "status $?"
}
