# LibreOffice without a screen, the large desktop program: a table computed and converted, and converted back; its own profile,
# dozens of libraries by dlopen, threads, its own caches.
needs="soffice awk" packages="libreoffice-calc-nogui mawk"

run() {
    export HOME=$PWD
    awk 'BEGIN { print "n,square,text,sum"; for (i = 1; i <= 400; i++) printf "%d,=A%d*A%d,text äöü %d,=SUM(A$2:A%d)\n", i, i + 1, i + 1, i * 7919 % 401, i + 1 }' >table.csv
    local office="soffice -env:UserInstallation=file://$PWD/profile --headless --norestore --nologo"
    convert() { timeout -k 5 170 $office "$@" >convert.log 2>&1; echo "status $?"; grep -o -E 'convert .* using filter : .*' convert.log | sed "s|$PWD/||g"; }
    # The shell script soffice starts oosplash, which starts soffice.bin: all of them preloaded.
    tiered bash -c "$(declare -f convert); office='$office'; convert --convert-to ods --infilter='CSV:44,34,UTF8,1,,0,false,true,false,false' table.csv; convert --convert-to 'csv:Text - txt - csv (StarCalc):44,34,UTF8,1,,0,false,true,false' --outdir back table.ods; convert --convert-to xlsx table.ods"
    md5sum <back/table.csv
    sed -n '2p;101p;401p' back/table.csv
    [ "$(head -c 2 table.xlsx)" = PK ] && echo "a zip"
}
