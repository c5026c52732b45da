# chromium without a screen, if it is installed: a page laid out and its scripts run by its many processes, with its own allocator.
needs="chromium setpriv timeout" packages="chromium util-linux coreutils"

run() {
    cat >page.html <<'HTML'
<!doctype html><title>t</title><div id=out></div><canvas id=c width=300 height=200></canvas><script>
let text = ""; const map = new Map();
for (let i = 0; i < 200000; i++) map.set("k" + i * 7919 % 100003, i);
for (let i = 0; i < 500; i++) { const d = document.createElement("p"); d.textContent = "paragraph " + i; document.body.append(d); }
const g = document.getElementById("c").getContext("2d"); g.fillStyle = "#345"; g.fillRect(10, 10, 100, 100);
const px = g.getImageData(50, 50, 1, 1).data;
const big = new Uint8Array(30000000); big.fill(3);
document.getElementById("out").textContent = [map.size, document.querySelectorAll("p").length, px.join(), big.reduce((a, b) => a + b), JSON.stringify([...map].slice(5, 8)), document.body.scrollHeight > 1000].join(" | ");
</script>
HTML
    chmod 755 . && chmod 644 page.html && mkdir -m 777 profile
    HOME=$PWD/profile tiered timeout -k 5 170 setpriv --reuid=nobody --regid=nogroup --clear-groups \
        chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$PWD/profile" --dump-dom "file://$PWD/page.html" 2>chromium.log |
        grep -o -E '<div id="out">[^<]*|paragraph [0-9]*99'
}
