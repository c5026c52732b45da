# Loads the installed libmemkind.so.0 by dlopen, as libgomp, libomp, JNI and Python's ctypes do, and uses it from threads.
# Only a build with TERRACE_JEMALLOC_SOURCE can be loaded so. Arguments: the installation's prefix.
import ctypes
import pathlib
import sys
import threading

library = ctypes.CDLL(str(next(pathlib.Path(sys.argv[1]).glob("lib*/**/libmemkind.so.0"))))
library.memkind_malloc.restype = ctypes.c_void_p
library.memkind_malloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
library.memkind_detect_kind.restype = ctypes.c_void_p
library.memkind_detect_kind.argtypes = [ctypes.c_void_p]
library.memkind_free.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
library.memkind_destroy_kind.argtypes = [ctypes.c_void_p]

kind = ctypes.c_void_p()
assert library.memkind_create_pmem(b"/tmp", ctypes.c_size_t(0), ctypes.byref(kind)) == 0
faults = []


def allocate_and_free():
    blocks = [library.memkind_malloc(kind, 10 * i + 1) for i in range(1000)]
    if any(library.memkind_detect_kind(block) != kind.value for block in blocks):
        faults.append("a block is of another kind")
    for block in blocks:
        library.memkind_free(None, block)


threads = [threading.Thread(target=allocate_and_free) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
allocate_and_free()
assert library.memkind_destroy_kind(kind) == 0
sys.exit("; ".join(faults) or 0)
