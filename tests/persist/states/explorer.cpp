#include "tests/persist/states/explorer.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "persist/pool/pool.hpp"

namespace terrace::persist::states {
namespace {

constexpr size_t kCheckBeforeEach = 3;   // of so many images one is checked before it is opened,
constexpr size_t kCheckAfterEach = 6;    // and one after it was closed
constexpr size_t kRoomOfEach = 8;        // and of one the free bytes are counted
constexpr size_t kCompareAllEach = 256;  // and after so many the whole file is compared

// What is chosen for each point: some of the methodical images, then random ones until there are enough.
class Choosing {
  public:
    Choosing(const Point& point, uint64_t unit, size_t quota, std::mt19937_64& random)
        : point_(point), unit_(unit), random_(random), images_(methodical_images(point, unit)) {
        if (images_.size() > 2)
            std::shuffle(images_.begin() + 2, images_.end(), random_);
        const size_t most = std::max<size_t>(quota * 3 / 4, 2);
        if (images_.size() > most)
            images_.resize(most);
        tries_ = images_.size() + (point.in_flight.empty() ? 0 : quota * 2);
    }
    bool next(Image& image) {
        if (given_ == tries_)
            return false;
        image = given_ < images_.size() ? images_[given_] : random_image(point_, unit_, random_);
        ++given_;
        return true;
    }

  private:
    const Point& point_;
    const uint64_t unit_;
    std::mt19937_64& random_;
    std::vector<Image> images_;
    size_t tries_;
    size_t given_ = 0;
};

}  // namespace

Explorer::Explorer(const World& world, const Budget& budget, std::string image_path,
                   std::function<void(const std::string&, const ImageFile&)> about_to_check)
    : world_(world),
      budget_(budget),
      image_path_(std::move(image_path)),
      about_to_check_(std::move(about_to_check)),
      random_(budget.seed) {
    for (size_t part = 0; part < world.parts(); ++part) {
        numbers_.emplace_back();
        for (size_t i = 0; i < world.states(part).size(); ++i)
            numbers_.back().emplace(world.states(part)[i], i);
    }
}

bool Explorer::fail(const std::string& what) {
    if (outcome_.fault.empty())
        outcome_.fault = what;
    return false;
}

Outcome Explorer::explore(const Trace& trace) {
    if (!trace.fault.empty())
        fail(trace.fault);
    ImageFile file(image_path_, trace.start);
    std::map<uint64_t, Found> known;
    size_t quota_left = budget_.images;
    const size_t nested_every =
        budget_.nested == 0 ? 0 : std::max<size_t>(1, budget_.images / budget_.nested);
    for (size_t p = 0; p < trace.points.size() && outcome_.fault.empty(); ++p) {
        const Point& point = trace.points[p];
        ++outcome_.points;
        file.advance(point);
        const size_t quota = std::max<size_t>(2, quota_left / (trace.points.size() - p));
        Choosing choosing(point, trace.unit, quota, random_);
        size_t used = 0;
        for (Image image; used < quota && outcome_.fault.empty() && choosing.next(image);) {
            uint64_t key = file.fingerprint(image, point);
            key += point.expected.loose.first * 31 + point.expected.loose.last * 1009;
            if (const auto same = known.find(key); same != known.end()) {
                if (!is_allowed(same->second, point))
                    fail(describe(image, point) + "\n" + outcome_.fault);
                continue;
            }
            Found found;
            about_to_check_(describe(image, point), file);
            file.put(image, point);
            const bool crashes_again =
                nested_every != 0 && outcome_.images % nested_every == nested_every / 2;
            const std::string content = crashes_again ? file.content() : std::string();
            if (!check(file, point, found)) {
                outcome_.fault = describe(image, point) + "\n" + outcome_.fault;
                file.restore();
                file.put(image, point);
                about_to_check_(outcome_.fault, file);
                break;
            }
            file.restore();
            known.emplace(key, found);
            ++used;
            if (++outcome_.images % kCompareAllEach == 0 && !file.is_as_guaranteed())
                fail(describe(image, point) +
                     "\nwhat opening, working and closing changed was not all seen: something bypasses the "
                     "seam");
            if (crashes_again && found.is_pool && !crash_recovery(file, content, point, found))
                outcome_.fault =
                    describe(image, point) + "\nand then, during its recovery, " + outcome_.fault;
        }
        quota_left -= std::min(quota_left, used);
    }
    return outcome_;
}

bool Explorer::check(ImageFile& file, const Point& point, Found& found) {
    const bool may_be_refused = !point.expected.is_pool_promised;
    const bool is_checked = may_be_refused || random_() % kCheckBeforeEach == 0;
    const int sound = is_checked ? pmemobj_check(file.path().c_str(), kLayout) : 1;
    // One copy of the superblock may be on the medium and the other not: check says that open writes it again.
    const bool is_repaired =
        sound != 1 && strstr(pmemobj_errormsg(), "opening the pool repairs it") != nullptr;
    PMEMobjpool* const pool = pmemobj_open(file.path().c_str(), kLayout);
    if (pool == nullptr) {
        if (!may_be_refused || errno != EINVAL || strlen(pmemobj_errormsg()) == 0)
            return fail(std::string("the pool does not open: ") + pmemobj_errormsg());
        if (sound == 1)  // it was checked: creation is under way
            return fail(std::string("pmemobj_check says 1, pmemobj_open refuses: ") + pmemobj_errormsg());
        ++outcome_.refused;
        return true;
    }
    if (sound != 1 && !may_be_refused && !is_repaired) {
        pmemobj_close(pool);
        pmemobj_check(file.path().c_str(), kLayout);
        return fail(std::string("pmemobj_check before recovery: ") + pmemobj_errormsg());
    }
    found.is_pool = true;
    const bool is_right = check_open_pool(pool, point, found);
    pmemobj_close(pool);
    if (!is_right)
        return false;
    if (random_() % kCheckAfterEach == 0 && pmemobj_check(file.path().c_str(), kLayout) != 1)
        return fail(std::string("pmemobj_check after recovery: ") + pmemobj_errormsg());
    return true;
}

bool Explorer::check_open_pool(PMEMobjpool* pool, const Point& point, Found& found) {
    if (!find_states(pool, point, found) || !is_allowed(found, point))
        return false;
    if (const std::string leak = find_leak(pool); !leak.empty())
        return fail(leak);
    if (!is_loose_content_right(pool, point))
        return false;
    if (!work_a_little(pool))
        return fail(std::string("after recovery the pool cannot be worked on: ") + pmemobj_errormsg());
    Found again;
    again.is_pool = true;
    if (!find_states(pool, point, again) || !(again == found))
        return fail("working on after recovery changed something else: " + outcome_.fault);
    return outcome_.images % kRoomOfEach != 0 || is_room_right(pool, found);
}

bool Explorer::find_states(PMEMobjpool* pool, const Point& point, Found& found) {
    for (size_t part = 0; part < world_.parts(); ++part) {
        const std::string state = state_of(pool, part);
        const auto same = numbers_[part].find(state);
        if (same == numbers_[part].end()) {
            const std::vector<std::string>& states = world_.states(part);
            const size_t first = point.expected.parts[part].first;
            const size_t last = std::min(point.expected.parts[part].last, states.size() - 1);
            return fail("no state that ever was: against state " + std::to_string(first) +
                        ", the last promised, " + explain_difference(state, states[first]) +
                        "; against state " + std::to_string(last) + ", " +
                        explain_difference(state, states[last]));
        }
        found.states.push_back(same->second);
    }
    return true;
}

bool Explorer::is_allowed(const Found& found, const Point& point) {
    if (!found.is_pool)
        return !point.expected.is_pool_promised || fail("the pool does not open");
    for (size_t part = 0; part < world_.parts(); ++part) {
        const std::vector<std::string>& states = world_.states(part);
        const Allowed& allowed = point.expected.parts[part];
        const size_t last = std::min(allowed.last, states.size() - 1);
        bool is_there = false;
        for (size_t i = allowed.first; i <= last; ++i)
            is_there |= numbers_[part].at(states[i]) == found.states[part];
        if (!is_there)
            return fail("part " + std::to_string(part) + " is in state " +
                        std::to_string(found.states[part]) + ", which is " +
                        (found.states[part] < allowed.first ? "older than what was promised: "
                                                            : "newer than anything that had begun: ") +
                        std::to_string(allowed.first) + " to " + std::to_string(last));
    }
    return true;
}

bool Explorer::is_loose_content_right(PMEMobjpool* pool, const Point& point) {
    if (pmemobj_root_size(pool) < sizeof(Root) || OID_IS_NULL(root_of(pool)->loose))
        return true;
    const char* const is = static_cast<const char*>(pmemobj_direct(root_of(pool)->loose));
    const Allowed& allowed = point.expected.loose;
    const std::vector<std::string>& contents = world_.loose_contents();
    const size_t last = std::min(allowed.last, contents.size() - 1);
    for (size_t at = 0; at < contents[last].size(); at += kWord) {
        bool is_there = false;
        for (size_t i = allowed.first; i <= last && !is_there; ++i)
            is_there = memcmp(is + at, contents[i].data() + at, kWord) == 0;
        if (!is_there)
            return fail("byte " + std::to_string(at) +
                        " of the loose object holds what it never held since it was "
                        "last promised");
    }
    return true;
}

// What a program would do next must work, and leave nothing behind once it is undone.
bool Explorer::work_a_little(PMEMobjpool* pool) {
    if (pmemobj_root_size(pool) < sizeof(Root))
        return true;
    Root* const root = root_of(pool);
    volatile bool is_committed = false;
    TX_BEGIN(pool) {
        pmemobj_tx_add_range_direct(root->scratch, sizeof root->scratch);
        pmemobj_tx_add_range_direct(root->scratch_slots, sizeof root->scratch_slots);
        for (uint64_t& word : root->scratch)
            ++word;
        root->scratch_slots[0] = pmemobj_tx_zalloc(64, kScratch);
        root->scratch_slots[1] = pmemobj_tx_zalloc(3000, kScratch);
    }
    TX_ONCOMMIT {
        is_committed = true;
    }
    TX_END
    if (!is_committed || pmemobj_zalloc(pool, &root->scratch_slots[2], 200, kScratch) != 0)
        return false;
    for (PMEMoid& slot : root->scratch_slots)
        pmemobj_free(&slot);
    return true;
}

// Nothing is lost without being an object: the room depends on what exists, not on how it came about.
bool Explorer::is_room_right(PMEMobjpool* pool, const Found& found) {
    const HeapUsage usage = pool_of(pool).heap.usage();
    const uint64_t room = usage.free_bytes;
    std::vector<size_t> states = found.states;
    states.push_back(
        usage.heap_bytes);  // which may have grown, and the crash have come before the next state
    const auto [known, is_first] = room_.emplace(states, room);
    if (is_first || known->second == room)
        return true;
    return fail("the pool has " + std::to_string(room) + " free bytes, with the same objects elsewhere " +
                std::to_string(known->second));
}

bool Explorer::crash_recovery(ImageFile& outer, const std::string& content, const Point& point,
                              const Found& found) {
    outer.pause();
    const std::string path = image_path_ + ".again";
    bool is_right = true;
    {
        ImageFile file(path, content);
        Recorder recorder(path, world_.is_page_granularity() ? Granularity::kPage : Granularity::kCacheLine,
                          [&] { return point.expected; });
        recorder.start();
        recorder.operation_is("recovery");
        PMEMobjpool* const pool = pmemobj_open(path.c_str(), kLayout);
        recorder.mark("recovery");
        const Trace trace = recorder.finish();
        if (pool == nullptr)
            return fail(std::string("an image that was opened before does not open: ") + pmemobj_errormsg());
        pmemobj_close(pool);
        file.restore();
        if (!trace.fault.empty())
            is_right = fail(trace.fault);
        std::set<uint64_t> known;
        size_t left = budget_.second;
        for (size_t p = 0; p < trace.points.size() && is_right; ++p) {
            file.advance(trace.points[p]);
            const size_t quota = std::max<size_t>(2, left / (trace.points.size() - p));
            Choosing choosing(trace.points[p], trace.unit, quota, random_);
            size_t used = 0;
            for (Image image; used < quota && is_right && choosing.next(image);) {
                if (!known.insert(file.fingerprint(image, trace.points[p])).second)
                    continue;
                Found second;
                about_to_check_("recovery: " + describe(image, trace.points[p]), file);
                file.put(image, trace.points[p]);
                is_right = check(file, trace.points[p], second);
                if (is_right && !(second == found))
                    is_right =
                        fail("recovery begun again ends elsewhere: state " +
                             std::to_string(second.states[0]) + ", not " + std::to_string(found.states[0]));
                if (!is_right)
                    outcome_.fault = describe(image, trace.points[p]) + "\n" + outcome_.fault;
                file.restore();
                ++used;
                ++outcome_.second_images;
            }
            left -= std::min(left, used);
        }
        ++outcome_.recoveries;
    }
    outer.resume();
    return is_right;
}

}  // namespace terrace::persist::states
