# Loads the installed libmemkind.so.0 by dlopen, as libgomp, libomp, JNI and Python's ctypes do: every static kind is asked
# for, a file kind is made and used from threads and in a forked child, and the library is closed again while threads that
# used it are there. Argument: the installation's prefix. A build with Debian's jemalloc needs help to be loaded so: see
# README.md, "dlopen".
import _ctypes
import ctypes
import os
import pathlib
import re
import sys
import threading

prefix = pathlib.Path(sys.argv[1])
path = str(next(prefix.glob("lib*/**/libmemkind.so.0")))
library = ctypes.CDLL(path)
library.memkind_malloc.restype = ctypes.c_void_p
library.memkind_malloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
library.memkind_detect_kind.restype = ctypes.c_void_p
library.memkind_detect_kind.argtypes = [ctypes.c_void_p]
library.memkind_free.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
library.memkind_destroy_kind.argtypes = [ctypes.c_void_p]
library.memkind_check_available.argtypes = [ctypes.c_void_p]
faults = []


def check(truth, fault):
    if not truth:
        faults.append(fault)


def kind_named(name):
    return ctypes.c_void_p.in_dll(library, name).value


# Every kind that the headers declare: asking must be harmless, and those that are there must have memory.
headers = "".join((prefix / "include" / name).read_text() for name in ("memkind.h", "memkind_deprecated.h"))
names = set(re.findall(r"extern memkind_t (MEMKIND_\w+);", headers))
check(len(names) >= 26, f"only {len(names)} static kinds are declared")
there = 0
for name in sorted(names):
    kind = kind_named(name)
    if library.memkind_check_available(kind) != 0:
        continue
    there += 1
    block = library.memkind_malloc(kind, 1000)
    check(block is not None and library.memkind_detect_kind(block) == kind, f"{name} is there and has no memory")
    library.memkind_free(None, block)
check(there >= 2, "not even DEFAULT and REGULAR are there")

file_kind = ctypes.c_void_p()
result = library.memkind_create_pmem(b"/tmp", ctypes.c_size_t(0), ctypes.byref(file_kind))
check(result == 0, f"memkind_create_pmem: {result}")
default = kind_named("MEMKIND_DEFAULT")


def allocate_and_free():
    for kind in file_kind.value, default:
        blocks = [library.memkind_malloc(kind, 10 * i + 1) for i in range(1000)]
        check(all(library.memkind_detect_kind(block) == kind for block in blocks), "a block is of another kind")
        for block in blocks:
            ctypes.memset(block, 1, 1)
            library.memkind_free(None, block)


def in_threads(work):
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


in_threads(allocate_and_free)
allocate_and_free()

# A forked child has its own copy, and its threads may allocate too.
text = ctypes.create_string_buffer(b"the parent's")
block = library.memkind_malloc(file_kind, 100)
ctypes.memmove(block, text, len(text))
child = os.fork()
if child == 0:
    check(ctypes.string_at(block) == b"the parent's", "the child sees other contents")
    ctypes.memset(block, ord("c"), 50)
    in_threads(allocate_and_free)
    os._exit(1 if faults else 0)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
check(status == 0, f"the forked child ended with {status}")
check(ctypes.string_at(block) == b"the parent's", "the child wrote into the parent's memory")
library.memkind_free(None, block)

# Closed while threads that used it live on, and end afterwards.
used, closed = threading.Barrier(5), threading.Barrier(5)


def outlive_the_library():
    allocate_and_free()
    used.wait()
    closed.wait()


threads = [threading.Thread(target=outlive_the_library) for _ in range(4)]
for thread in threads:
    thread.start()
used.wait()
check(library.memkind_destroy_kind(file_kind) == 0, "memkind_destroy_kind failed")
_ctypes.dlclose(library._handle)
closed.wait()
for thread in threads:
    thread.join()
# And opened again.
library = ctypes.CDLL(path)
library.memkind_malloc.restype = ctypes.c_void_p
library.memkind_malloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
check(library.memkind_malloc(kind_named("MEMKIND_DEFAULT"), 100) is not None, "no memory after it was opened again")
sys.exit("; ".join(sorted(set(faults))) or 0)
