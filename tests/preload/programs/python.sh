# python3 with multiprocessing: pools by fork, forkserver and spawn, shared memory, threads, big integers, C extensions.
needs="python3" packages="python3"

run() {
    cat >program.py <<'PYTHON'
import collections, decimal, hashlib, json, multiprocessing as mp, re, subprocess, sys, threading, zlib
from multiprocessing import shared_memory

def work(n):
    table = {i: str(i) * (n % 7 + 1) for i in range(20000)}
    return hashlib.md5("".join(table.values()).encode()).hexdigest()

def fill(name, i):
    block = shared_memory.SharedMemory(name=name)
    block.buf[i] = i + 1
    block.close()

if __name__ == "__main__":
    for method in ("fork", "forkserver", "spawn"):
        with mp.get_context(method).Pool(3) as pool:
            print(method, hashlib.md5("".join(pool.map(work, range(12))).encode()).hexdigest())
    block = shared_memory.SharedMemory(create=True, size=64)
    jobs = [mp.Process(target=fill, args=(block.name, i)) for i in range(8)]
    [j.start() for j in jobs]; [j.join() for j in jobs]
    print(bytes(block.buf[:8])); block.close(); block.unlink()
    results = collections.Counter()
    lock = threading.Lock()
    def thread(i):
        data = [bytes(j % 5000) for j in range(3000)]
        with lock:
            results[len(b"".join(data))] += 1
    threads = [threading.Thread(target=thread, args=(i,)) for i in range(8)]
    [t.start() for t in threads]; [t.join() for t in threads]
    print(dict(results))
    decimal.getcontext().prec = 2000
    print(hashlib.md5(str(decimal.Decimal(2).sqrt()).encode()).hexdigest(), len(str(3 ** 100000 % 10 ** 4000)))
    text = json.dumps([{"k%d" % i: list(range(i % 50))} for i in range(5000)])
    print(len(text), zlib.crc32(zlib.compress(text.encode())), len(re.findall(r"\d(?=1)", text)))
    print(subprocess.run([sys.executable, "-c", "print('child')"], capture_output=True).stdout)
    try:
        bytearray(1 << 60)
    except MemoryError as error:
        print("MemoryError", error)
    sys.exit(4)
PYTHON
    tiered /usr/bin/python3 program.py
    echo "status $?"
    PYTHONMALLOC=malloc tiered /usr/bin/python3 program.py
    echo "status $?"
}
