#include "tests/persist/states/recorder.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace terrace::persist::states {
namespace {
constexpr uint64_t kLargestFile = uint64_t{256} << 20;
}

Recorder::Recorder(std::string path, Granularity granularity, std::function<Expectation()> expectation)
    : path_(std::move(path)),
      granularity_(granularity),
      unit_(granularity == Granularity::kPage ? kSector : kLine),
      expectation_(std::move(expectation)) {
    trace_.unit = unit_;
}

Recorder::~Recorder() {
    if (is_listening_)
        stop_listening(*this);
    if (view_ != nullptr)
        munmap(view_, kLargestFile);
}

void Recorder::start() {
    look_at_size();
    if (file_bytes_ > 0)
        see(0, file_bytes_);
    in_flight_.clear();
    durable_ = seen_;
    durable_bytes_ = file_bytes_;
    trace_.start = durable_;
    trace_.fault.clear();
    resume();
}

Trace Recorder::finish() {
    pause();
    return std::move(trace_);
}

void Recorder::pause() {
    stop_listening(*this);
    is_listening_ = false;
}

void Recorder::resume() {
    is_listening_ = true;
    listen(*this);
}

void Recorder::mark(const std::string& what) {
    const std::lock_guard guard(mutex_);
    see_everything();
    add_point("after " + what);
}

void Recorder::mappings_changed() {
    const std::lock_guard guard(mutex_);
    mappings_.forget();
}

void Recorder::operation_is(const std::string& name) {
    const std::lock_guard guard(mutex_);
    operation_ = name;
}

void Recorder::about_to_write(int file, const char* source, size_t bytes, uint64_t offset) {
    const std::lock_guard guard(mutex_);
    look_at_size();
    if (!is_ours(file))
        return;
    const uint64_t end = offset + bytes;
    if (seen_.size() < end) {
        seen_.resize(end);
        durable_.resize(end);
    }
    std::string content(unit_, '\0');
    for (uint64_t unit = offset / unit_ * unit_; unit < end; unit += unit_) {
        const uint64_t here = std::min(unit_, seen_.size() - unit);
        content.assign(unit_, '\0');
        memcpy(content.data(), seen_.data() + unit, here);
        const uint64_t from = std::max(unit, offset);
        const uint64_t to = std::min(unit + unit_, end);
        memcpy(content.data() + (from - unit), source + (from - offset), to - from);
        note_version(unit, content.data());
        if (in_flight_.count(unit) != 0)
            until_sync_.push_back({unit, content});
    }
}

void Recorder::about_to_sync(int file) {
    const std::lock_guard guard(mutex_);
    look_at_size();
    if (!is_ours(file))
        return;
    see_everything();
    add_point("sync " + std::to_string(++barriers_) + " in '" + operation_ + "'");
    guarantee(until_sync_);
    durable_bytes_ = file_bytes_;
}

void Recorder::written_back(const char* address, size_t bytes) {
    const std::lock_guard guard(mutex_);
    uint64_t offset;
    look_at_size();
    if (bytes == 0 || !mappings_.offset_of(address, offset))
        return;
    const uint64_t end = std::min<uint64_t>(offset + bytes, seen_.size());
    see(offset, end - offset);
    std::vector<Unit>& pending = until_fence_[std::this_thread::get_id()];
    for (uint64_t unit = offset / unit_ * unit_; unit < end; unit += unit_) {
        if (in_flight_.count(unit) != 0)
            pending.push_back({unit, seen_.substr(unit, unit_)});
    }
}

void Recorder::about_to_fence() {
    const std::lock_guard guard(mutex_);
    see_everything();
    add_point("fence " + std::to_string(++barriers_) + " in '" + operation_ + "'");
    guarantee(until_fence_[std::this_thread::get_id()]);
}

bool Recorder::is_ours(int file) const {
    struct stat status;
    return view_ != nullptr && fstat(file, &status) == 0 && status.st_ino == inode_ &&
           status.st_dev == device_;
}

// The file may have come into being, or have grown.
void Recorder::look_at_size() {
    struct stat status;
    if (view_ == nullptr) {
        const int file = open(path_.c_str(), O_RDWR | O_CLOEXEC);
        if (file < 0)
            return;
        view_ = static_cast<char*>(mmap(nullptr, kLargestFile, PROT_READ, MAP_SHARED, file, 0));
        close(file);
        if (view_ == MAP_FAILED)
            view_ = nullptr;
    }
    if (view_ == nullptr || stat(path_.c_str(), &status) != 0)
        return;
    inode_ = status.st_ino;
    mappings_.set_inode(inode_);
    device_ = status.st_dev;
    file_bytes_ = std::min<uint64_t>(static_cast<uint64_t>(status.st_size), kLargestFile);
    const uint64_t whole_units = (file_bytes_ + unit_ - 1) / unit_ * unit_;
    if (seen_.size() < whole_units) {
        seen_.resize(whole_units);
        durable_.resize(whole_units);
    }
}

void Recorder::note_version(uint64_t offset, const char* content) {
    char* const seen = seen_.data() + offset;
    const uint64_t here = std::min(unit_, seen_.size() - offset);
    if (memcmp(seen, content, here) == 0)
        return;
    memcpy(seen, content, here);
    in_flight_[offset].emplace_back(content, unit_);
}

void Recorder::see(uint64_t offset, uint64_t bytes) {
    for (uint64_t unit = offset / unit_ * unit_; unit < offset + bytes; unit += unit_) {
        if (memcmp(seen_.data() + unit, view_ + unit, unit_) != 0)
            note_version(unit, std::string(view_ + unit, unit_).data());
    }
}

// At page granularity nothing changes a file but writes, and those were seen before they were done: a unit in flight may
// still be on its way, anything else that is not as it was seen bypassed the seam.
void Recorder::see_everything() {
    look_at_size();
    for (uint64_t page = 0; page + kPage <= file_bytes_; page += kPage) {
        if (memcmp(seen_.data() + page, view_ + page, kPage) == 0)
            continue;
        if (granularity_ == Granularity::kCacheLine)
            see(page, kPage);
        else
            look_for_bypass(page);
    }
}

void Recorder::look_for_bypass(uint64_t page) {
    for (uint64_t unit = page; unit < page + kPage && trace_.fault.empty(); unit += unit_) {
        if (in_flight_.count(unit) == 0 && memcmp(seen_.data() + unit, view_ + unit, unit_) != 0)
            trace_.fault = "page " + std::to_string(page / kPage) + " changed in '" + operation_ +
                           "', but no write to it was seen: something bypasses the seam";
    }
}

void Recorder::add_point(const std::string& what) {
    Point point;
    point.what = what;
    point.newly_durable.assign(newly_durable_.begin(), newly_durable_.end());
    newly_durable_.clear();
    for (const auto& [offset, versions] : in_flight_)
        point.in_flight.push_back({offset, versions});
    point.durable_bytes = durable_bytes_;
    point.file_bytes = file_bytes_;
    point.expected = expectation_();
    trace_.points.push_back(std::move(point));
}

// A version that is guaranteed is the oldest that can be found from now on.
void Recorder::guarantee(std::vector<Unit>& units) {
    for (Unit& unit : units) {
        const auto flight = in_flight_.find(unit.offset);
        if (flight == in_flight_.end())
            continue;
        std::vector<std::string>& versions = flight->second;
        const auto same = std::find(versions.rbegin(), versions.rend(), unit.content);
        if (same == versions.rend())
            continue;  // a newer version was guaranteed already
        versions.erase(versions.begin(), same.base());
        durable_.replace(unit.offset, unit_, unit.content);
        newly_durable_[unit.offset] = unit.content;
        if (versions.empty())
            in_flight_.erase(flight);
    }
    units.clear();
}

}  // namespace terrace::persist::states
