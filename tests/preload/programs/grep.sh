# grep: plain, extended, Perl's, thousands of patterns, an empty pattern, files recursively.
needs="grep awk" packages="grep mawk"

run() {
    awk -v n="$(scaled 200000)" 'BEGIN { srand(2); for (i = 0; i < n; i++) printf "%x line %d of the text äöü\n", rand() * 1e9, i }' >text
    awk 'NR % 97 == 0 { print $1 }' text >patterns
    mkdir tree && awk '{ print > ("tree/" (NR % 50)) }' text
    tiered grep -c 'line 1.*9 of' text
    tiered grep -E '(a|b)+c{2,}|[0-9a-f]*ff ' text | md5sum
    tiered grep -P '^(?=.*aa)(?!.*bb).*\d{5}' text | md5sum
    tiered grep -F -f patterns text | md5sum
    tiered grep -i -o 'ÄÖ.' text | sort | uniq -c
    tiered grep -r -l 'line 4242 ' tree
    tiered grep -c '' text
    echo text | tiered grep -n ''
    tiered grep absent text
    echo "status $?"
    tiered grep '[' text
    echo "status $?"
}
