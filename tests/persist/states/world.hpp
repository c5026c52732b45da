// The pool that a workload works on, and what is known about it: each time an operation was promised durable, the
// workload says done() and the whole logical content of the pool as the program sees it, byte for byte, becomes the
// next state. After a crash, one of the states from the last promised one to the one under way must be found.
// The root has parts with a sequence of states each, so that threads may have one of their own.
#pragma once

#include <libpmemobj.h>

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "tests/persist/states/recorder.hpp"

namespace terrace::persist::states {

constexpr const char* kLayout = "crash states";
constexpr size_t kParts = 3;
constexpr size_t kWords = 24;
constexpr size_t kSlots = 16;

struct Part {
    uint64_t words[kWords];
    PMEMoid slots[kSlots];
};

// As POBJ_LIST_ENTRY and POBJ_LIST_HEAD have it.
struct ListEntry {
    PMEMoid next;
    PMEMoid previous;
};
struct ListHead {
    PMEMoid first;
    PMEMmutex lock;
};

// Every object begins with this, except those of the types kRaw and kText: only so many bytes of it have a content.
struct Object {
    uint64_t bytes;  // this word included
    uint64_t words[1];
};
struct ListNode {
    uint64_t bytes;
    uint64_t value;
    ListEntry entry;
};

struct Root {
    Part parts[kParts];
    ListHead lists[2];  // their nodes are of part 0
    PMEMoid loose;
    uint64_t scratch[8];  // for what is done after recovery; no part of any state
    PMEMoid scratch_slots[4];
    PMEMmutex locks[2];
};

// Type numbers: the part times 100, plus what the workload likes; of part 0 two have a meaning.
constexpr uint64_t kUnreferenced = 90;  // named by no slot, and yet no leak
constexpr uint64_t kRaw = 91;           // without a header; its content belongs to no state
constexpr uint64_t kText = 92;          // without a header: a string
constexpr uint64_t kWideText = 93;      // and one of wide characters
constexpr uint64_t kScratch = 9999;

// Never null; a pool without a root is not asked.
Root* root_of(PMEMobjpool* pool);
// One part of the pool as a program sees it, byte for byte.
std::string state_of(PMEMobjpool* pool, size_t part);
std::string explain_difference(const std::string& found, const std::string& expected);
// Empty, or how objects and the slots that name them disagree: leaked, lost, or named twice.
std::string find_leak(PMEMobjpool* pool);
// Writes a small object of `bytes` bytes (whole words) that can be told from others by `tag`.
void fill(Object* object, size_t bytes, uint64_t tag);

class World {
  public:
    World(std::string path, Granularity granularity, size_t parts, uint64_t seed);
    ~World();

    PMEMobjpool* pool = nullptr;
    Root* root() const { return root_of(pool); }
    Part& part(size_t number = 0) const { return root()->parts[number]; }
    const std::string& path() const { return path_; }
    uint64_t seed() const { return seed_; }
    bool is_page_granularity() const { return granularity_ == Granularity::kPage; }

    void create(size_t bytes);
    void open();
    void close();
    void open_or_create_failed(const char* what);  // ends the test

    // From now on every event is recorded. REQUIRES: the pool is closed, or does not exist yet.
    void start_recording();
    Trace finish_recording();
    Recorder& recorder() { return recorder_; }

    // The pool as it is now was promised durable. `what`: the operation that ended.
    void done(const std::string& what, size_t part = 0);
    // It may become durable as it is now; that was not promised.
    void may_be_durable(size_t part = 0);

    // The loose object of the root: it is stored to without any atomicity. Each of its words holds what it had
    // in one of its contents since the last one that was promised.
    void make_loose(size_t bytes);
    char* loose() const { return static_cast<char*>(pmemobj_direct(root()->loose)); }
    // `store` puts `content` at byte `at` of it; each of its words may be found from now on.
    void change_loose(size_t at, const std::string& content, const std::function<void()>& store);
    void loose_is_durable();

    size_t parts() const { return parts_; }
    const std::vector<std::string>& states(size_t part) const { return states_[part]; }
    const std::vector<std::string>& loose_contents() const { return loose_contents_; }

  private:
    Expectation expectation();
    std::string loose_content() const;

    const std::string path_;
    const Granularity granularity_;
    const size_t parts_;  // that have states
    const uint64_t seed_;
    std::mutex mutex_;
    Recorder recorder_;
    bool is_recording_ = false;
    bool is_pool_promised_ = false;
    std::vector<std::string> states_[kParts];
    size_t promised_[kParts] = {};
    bool is_idle_[kParts] = {};  // at the end of an operation
    std::vector<std::string> loose_contents_;
    size_t loose_promised_ = 0;
};

}  // namespace terrace::persist::states
