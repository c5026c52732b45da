#include "tiering/preload/auto_hbw_log.hpp"

#include <errno.h>
#include <execinfo.h>
#include <unistd.h>

#include "src/log.hpp"
#include "src/thread_local.hpp"
#include "tiering/preload/auto_hbw.hpp"
#include "tiering/preload/tiers_in_use.hpp"

namespace terrace::preload {
namespace {

// Set while this thread says something: backtrace() loads a library the first time, which allocates.
TERRACE_TLS bool speaking = false;

class Turn {
  public:
    Turn() : mine_(!speaking), saved_errno_(errno) { speaking = true; }
    ~Turn() {
        if (mine_)
            speaking = false;
        errno = saved_errno_;
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    bool is_mine() const { return mine_; }

  private:
    bool mine_;
    int saved_errno_;
};

const char* name_of(memkind_t kind) {
    for (unsigned i = 0; i < tiers_in_use().count; ++i) {
        if (tiers_in_use().tiers[i].memory == kind)
            return tiers_in_use().tiers[i].name;
    }
    return "nothing of ours";
}

__attribute__((noinline)) void write_backtrace() {
    constexpr int kMostFrames = 32;
    constexpr int kOwnFrames = 2;  // this function and the one that called it
    void* frames[kMostFrames];
    const int count = backtrace(frames, kMostFrames);
    if (count > kOwnFrames)
        backtrace_symbols_fd(frames + kOwnFrames, count - kOwnFrames, STDERR_FILENO);
}

}  // namespace

__attribute__((noinline, cold)) void log_allocation(const char* function, memkind_t wished, std::size_t size,
                                                    void* block) {
    const AutoHbwLog level = log_level();
    if (wished == MEMKIND_DEFAULT && level < AutoHbwLog::kEverything)
        return;
    const Turn turn;
    if (!turn.is_mine())
        return;
    if (block == nullptr)
        log_error("libautohbw: %s of %zu bytes: no memory", function, size);
    else
        log_error("libautohbw: %s of %zu bytes: %p in %s", function, size, block,
                  name_of(memkind_detect_kind(block)));
    if (level >= AutoHbwLog::kBacktraces && wished != MEMKIND_DEFAULT)
        write_backtrace();
}

__attribute__((noinline, cold)) void log_free(void* block) {
    const Turn turn;
    if (turn.is_mine() && block != nullptr)
        log_error("libautohbw: free of %p in %s", block, name_of(memkind_detect_kind(block)));
}

}  // namespace terrace::preload
