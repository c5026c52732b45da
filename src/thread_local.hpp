// Thread-local variables of the libraries that hold jemalloc. Initial-exec access is one load; but a library with one such
// variable needs all of its thread-local storage at start-up, and dlopen has no room for jemalloc's 2.6 KB. Debian's
// jemalloc is initial-exec already; one built from source is not, and then nothing else may be (TERRACE_DLOPENABLE).
#pragma once

#ifdef TERRACE_DLOPENABLE
#define TERRACE_TLS __thread
#else
#define TERRACE_TLS __thread __attribute__((tls_model("initial-exec")))
#endif
