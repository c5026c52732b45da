// The way from libmemkind to the pool engine in libpmemobj.so.1: found when the first persistent kind is
// made, so that programs without one never load it, and so that a program that uses both has one engine.
#pragma once

struct terrace_pool_engine;

namespace terrace::persist {

// The engine's functions; nullptr, after one line on stderr, when libpmemobj.so.1 cannot be loaded or is not Terrace's.
const terrace_pool_engine* engine();

}  // namespace terrace::persist
