// Contracts: REQUIRES at the start of a function, ENSURES at its end, INVARIANT in between. The debug and the
// sanitizer builds check them (TERRACE_CHECKS); a release build does not evaluate the condition.
// A broken contract is a fault of Terrace, never of its caller's input, so it stops the process with a message.
#pragma once

namespace terrace {

[[noreturn]] void contract_broken(const char* what, const char* condition, const char* file, int line);

}  // namespace terrace

#ifdef TERRACE_CHECKS
#define TERRACE_CONTRACT(what, condition) \
    ((condition) ? (void)0 : ::terrace::contract_broken(what, #condition, __FILE__, __LINE__))
#else
#define TERRACE_CONTRACT(what, condition) ((void)sizeof((condition) ? 1 : 0))
#endif

#define REQUIRES(condition) TERRACE_CONTRACT("REQUIRES", condition)
#define ENSURES(condition) TERRACE_CONTRACT("ENSURES", condition)
#define INVARIANT(condition) TERRACE_CONTRACT("INVARIANT", condition)
