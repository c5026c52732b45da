// When jemalloc lets go of a thread. jemalloc cleans up in the destructor of a pthread key, in the first of
// the four rounds that glibc runs; a thread that allocates in a destructor after that gets memory from arena
// 0, whatever arena it asked for. So the destructor is taken over, through the seam in seam.txt, and run in
// the last round.
#pragma once

namespace terrace::jemalloc {

// Has `function` called in every thread that ends after having used jemalloc, just before jemalloc's own
// cleanup. There is one such function; to be set before threads end.
void call_at_thread_end(void (*function)());

}  // namespace terrace::jemalloc
