// Goes through the points of a trace, makes images of each, opens them and checks what is found; and for some
// of them records the recovery itself and does the same with its points: a second crash, during recovery.
#pragma once

#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/persist/states/image_file.hpp"
#include "tests/persist/states/world.hpp"

namespace terrace::persist::states {

struct Budget {
    uint64_t seed = 0;
    size_t images = 0;  // distinct ones to open, of the whole trace; fewer if there are fewer
    size_t nested = 0;  // of these, how many recoveries are crashed in turn
    size_t second = 0;  // images of each such recovery
};

struct Outcome {
    uint64_t points = 0;
    uint64_t images = 0;         // distinct, opened and checked
    uint64_t recoveries = 0;     // crashed in turn
    uint64_t second_images = 0;  // what those crashes left, distinct too
    uint64_t refused = 0;        // pools whose creation had not ended
    std::string fault;           // in words; empty: none
};

class Explorer {
  public:
    // `about_to_check` is told each image before it is opened, in case that ends the process.
    Explorer(const World& world, const Budget& budget, std::string image_path,
             std::function<void(const std::string&, const ImageFile&)> about_to_check);

    Outcome explore(const Trace& trace);

  private:
    // Which states were found: the first number with this content, for each part.
    struct Found {
        bool is_pool = false;
        std::vector<size_t> states;
        bool operator==(const Found&) const = default;
    };

    bool check(ImageFile& file, const Point& point, Found& found);
    bool check_open_pool(PMEMobjpool* pool, const Point& point, Found& found);
    bool find_states(PMEMobjpool* pool, const Point& point, Found& found);
    bool is_allowed(const Found& found, const Point& point);
    bool is_loose_content_right(PMEMobjpool* pool, const Point& point);
    bool work_a_little(PMEMobjpool* pool);
    bool is_room_right(PMEMobjpool* pool, const Found& found);
    bool crash_recovery(ImageFile& outer, const std::string& content, const Point& point, const Found& found);
    bool fail(const std::string& what);

    const World& world_;
    const Budget budget_;
    const std::string image_path_;
    const std::function<void(const std::string&, const ImageFile&)> about_to_check_;
    std::mt19937_64 random_;
    std::vector<std::map<std::string, size_t>> numbers_;  // of states by content, for each part
    std::map<std::vector<size_t>, uint64_t> room_;        // free bytes of the pool, by states
    Outcome outcome_;
};

}  // namespace terrace::persist::states
