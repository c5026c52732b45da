// Watches the seam and keeps two copies of the pool file: what is guaranteed durable, and what was last seen.
// A line is guaranteed once it was written back and the same thread fenced after that; what was written to the file,
// once it was synced. Lines that differ without having been written back are in flight as well: a cache may
// evict them at any time. They are found by comparing. Thread safety: any thread may be in the engine.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "persist/pool/medium.hpp"
#include "tests/persist/states/home_mappings.hpp"
#include "tests/persist/states/seam.hpp"
#include "tests/persist/states/trace.hpp"

namespace terrace::persist::states {

class Recorder : public SeamListener {
  public:
    // `expectation` is asked at each point.
    Recorder(std::string path, Granularity granularity, std::function<Expectation()> expectation);
    ~Recorder() override;

    // What the file holds now counts as durable. It need not exist yet.
    void start();
    // A point that is no fence: the end of an operation.
    void mark(const std::string& what);
    // The pool was opened or closed: its mappings are elsewhere now.
    void mappings_changed();
    void operation_is(const std::string& name);
    Trace finish();
    void pause();
    void resume();

  private:
    struct Unit {
        uint64_t offset;
        std::string content;
    };

    void about_to_write(int file, const char* source, size_t bytes, uint64_t offset) override;
    void about_to_sync(int file) override;
    void written_back(const char* address, size_t bytes) override;
    void about_to_fence() override;

    bool is_ours(int file) const;
    void look_at_size();
    void note_version(uint64_t offset, const char* content);
    void see(uint64_t offset, uint64_t bytes);
    void see_everything();
    void look_for_bypass(uint64_t page);
    void add_point(const std::string& what);
    void guarantee(std::vector<Unit>& units);

    const std::string path_;
    const Granularity granularity_;
    const uint64_t unit_;
    const std::function<Expectation()> expectation_;
    std::mutex mutex_;
    bool is_listening_ = false;
    char* view_ = nullptr;  // the file, shared; as far as it reaches
    uint64_t device_ = 0;
    uint64_t inode_ = 0;
    uint64_t file_bytes_ = 0;
    uint64_t durable_bytes_ = 0;
    std::string durable_;
    std::string seen_;
    HomeMappings mappings_;
    std::map<uint64_t, std::vector<std::string>> in_flight_;
    std::map<std::thread::id, std::vector<Unit>> until_fence_;
    std::vector<Unit> until_sync_;
    std::map<uint64_t, std::string> newly_durable_;
    std::string operation_ = "start";
    size_t barriers_ = 0;
    Trace trace_;
};

}  // namespace terrace::persist::states
