# gcc's own test programs, from Debian's source of gcc: C's execution torture tests, C++ exceptions and OpenMP, each compiled and run
# preloaded. Two thousand programs, half an hour: in the night only.
needs="gcc g++ tar xz xargs timeout" packages="g++ gcc-12-source xz-utils"
gcc_source=$(ls /usr/src/gcc-12/gcc-*.tar.xz ${TERRACE_GCC_SOURCE-} 2>/dev/null | tail -n 1)
[ "${TERRACE_NIGHTLY-}" = 1 ] || { echo "SKIPPED: takes half an hour; TERRACE_NIGHTLY=1 runs it"; exit 77; }
[ -n "$gcc_source" ] || { echo "SKIPPED: gcc's source is not here: apt-get install gcc-12-source"; exit 77; }

# Compiles and runs each file of a list; prints what came of it. What a program needs beyond plain flags (dg-options) it does not get:
# some do not compile then, in every round.
try_all() {
    local flags=$1
    tiered xargs -P "$(nproc)" -I{} sh -c "
        name=\$(echo {} | tr '/.' '__')
        if timeout 60 $flags -w -I \$(dirname {}) {} -o \$name -lm >/dev/null 2>&1; then
            timeout 60 ./\$name >/dev/null 2>&1 </dev/null
            echo \"{} \$?\"
        else
            echo '{} does not compile'
        fi
        rm -f \$name" | sort
}

run() {
    tar xJf "$gcc_source" --strip-components=1 --wildcards '*/gcc/testsuite/gcc.c-torture/execute/*' '*/gcc/testsuite/g++.dg/eh/*' \
        '*/libgomp/testsuite/libgomp.c/*' || return 1
    export OMP_NUM_THREADS=4
    local each=1
    [ -z "${TERRACE_EACH-}" ] || each=$TERRACE_EACH # for a try: each so many programs only
    find gcc/testsuite/gcc.c-torture/execute -name '*.c' | sort | awk "NR % $each == 0" | try_all "gcc -O1"
    find gcc/testsuite/g++.dg/eh -name '*.C' | sort | awk "NR % $each == 0" | try_all "g++ -O1"
    find libgomp/testsuite/libgomp.c -name '*.c' | sort | awk "NR % $each == 0" | try_all "gcc -O1 -fopenmp"
}
