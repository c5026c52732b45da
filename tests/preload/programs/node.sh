# node: objects, buffers, worker threads, zlib and crypto on the thread pool, child processes.
needs="node" packages="nodejs"

run() {
    cat >program.js <<'JS'
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const crypto = require('crypto'), zlib = require('zlib'), child = require('child_process');
const digest = (data) => crypto.createHash('md5').update(data).digest('hex');
if (!isMainThread) {
  const map = new Map();
  for (let i = 0; i < 50000; i++) map.set('k' + (i * workerData), Buffer.alloc(i % 300, i & 255));
  let n = 0; for (const b of map.values()) n += b.length;
  parentPort.postMessage(n);
} else (async () => {
  const worker = (i) => new Promise((ok, bad) => { const w = new Worker(__filename, { workerData: i }); w.on('message', ok); w.on('error', bad); });
  console.log(await Promise.all([1, 2, 3].map(worker)));
  const text = JSON.stringify(Array.from({ length: 50000 }, (_, i) => ({ i, s: 'x'.repeat(i % 20) })));
  console.log(text.length, digest(text), digest(JSON.stringify(JSON.parse(text))));
  const packed = await Promise.all([1, 2, 3, 4, 5, 6].map((level) => new Promise((ok) => zlib.gzip(text, { level }, (e, b) => ok(zlib.gunzipSync(b).length)))));
  console.log(packed);
  console.log(digest(crypto.pbkdf2Sync('a', 'b', 2000, 64, 'sha512')));
  console.log(child.execFileSync('sort', ['-r'], { input: 'a\nc\nb\n' }).toString());
  console.log(digest(Buffer.concat(Array.from({ length: 100 }, (_, i) => Buffer.alloc(100000, i)))));
  process.exit(6);
})();
JS
    tiered node program.js
    echo "status $?"
}
