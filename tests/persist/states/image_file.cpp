#include "tests/persist/states/image_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace terrace::persist::states {
namespace {

constexpr uint64_t kLargestFile = uint64_t{256} << 20;

// Of one unit at its place; 0 for zeros would do as well as any other number.
uint64_t hash_of(uint64_t offset, const std::string& content) {
    uint64_t hash = offset * 0x9E3779B97F4A7C15u + 0x2545F4914F6CDD1Du;
    for (size_t at = 0; at + 8 <= content.size(); at += 8) {
        uint64_t word;
        memcpy(&word, content.data() + at, sizeof word);
        hash = (hash ^ word) * 0xD6E8FEB86659FD93u;
        hash ^= hash >> 32;
    }
    return hash;
}

[[noreturn]] void give_up(const char* what, const std::string& path) {
    fprintf(stderr, "%s: %s: %s\n", path.c_str(), what, strerror(errno));
    abort();
}

}  // namespace

ImageFile::ImageFile(std::string path, std::string guaranteed)
    : path_(std::move(path)), guaranteed_(std::move(guaranteed)), file_bytes_(guaranteed_.size()) {
    file_ = open(path_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct stat status;
    if (file_ < 0 || fstat(file_, &status) != 0 ||
        ftruncate(file_, static_cast<off_t>(guaranteed_.size())) != 0)
        give_up("cannot be made", path_);
    inode_ = status.st_ino;
    mappings_.set_inode(inode_);
    void* view = mmap(nullptr, kLargestFile, PROT_READ | PROT_WRITE, MAP_SHARED, file_, 0);
    if (view == MAP_FAILED)
        give_up("cannot be mapped", path_);
    view_ = static_cast<char*>(view);
    memcpy(view_, guaranteed_.data(), guaranteed_.size());
    listen(*this);
}

ImageFile::~ImageFile() {
    stop_listening(*this);
    munmap(view_, kLargestFile);
    close(file_);
    unlink(path_.c_str());
}

std::string ImageFile::guaranteed_unit(uint64_t offset, uint64_t bytes) const {
    std::string unit = offset < guaranteed_.size() ? guaranteed_.substr(offset, bytes) : std::string();
    unit.resize(bytes);
    return unit;
}

void ImageFile::fit(uint64_t bytes) {
    if (bytes == file_bytes_)
        return;
    if (ftruncate(file_, static_cast<off_t>(bytes)) != 0)
        give_up("cannot be resized", path_);
    file_bytes_ = bytes;
    least_bytes_ = std::min(least_bytes_, bytes);
}

void ImageFile::overwrite(uint64_t offset, const std::string& content) {
    memcpy(view_ + offset, content.data(), content.size());
    touched_.push_back({offset, content.size()});
}

void ImageFile::resize(uint64_t bytes) {
    fit(bytes);
}

void ImageFile::advance(const Point& point) {
    const uint64_t needed = std::max(point.file_bytes, point.durable_bytes);
    if (guaranteed_.size() < needed)
        guaranteed_.resize(needed);
    fit(guaranteed_.size());
    for (const auto& [offset, content] : point.newly_durable) {
        fingerprint_ ^= hash_of(offset, guaranteed_unit(offset, content.size())) ^ hash_of(offset, content);
        const uint64_t here = std::min(content.size(), guaranteed_.size() - offset);
        memcpy(guaranteed_.data() + offset, content.data(), here);
        memcpy(view_ + offset, content.data(), here);
    }
}

uint64_t ImageFile::fingerprint(const Image& image, const Point& point) const {
    uint64_t fingerprint = fingerprint_ ^ image.file_bytes * 0x9E3779B97F4A7C15u;
    for (const Choice& choice : image.choices) {
        const Flight& flight = point.in_flight[choice.flight];
        const std::string before = guaranteed_unit(flight.offset, flight.versions[0].size());
        const std::string content = content_of(choice, flight, before);
        if (content != before)
            fingerprint ^= hash_of(flight.offset, before) ^ hash_of(flight.offset, content);
    }
    return fingerprint;
}

void ImageFile::put(const Image& image, const Point& point) {
    mappings_.forget();
    for (const Choice& choice : image.choices) {
        const Flight& flight = point.in_flight[choice.flight];
        const std::string content =
            content_of(choice, flight, guaranteed_unit(flight.offset, flight.versions[0].size()));
        memcpy(view_ + flight.offset, content.data(), content.size());
        touched_.push_back({flight.offset, content.size()});
    }
    fit(image.file_bytes);
}

void ImageFile::restore() {
    struct stat status;
    if (fstat(file_, &status) == 0)
        file_bytes_ = static_cast<uint64_t>(status.st_size);  // the library may have changed it
    fit(guaranteed_.size());
    for (const Touched& touched : touched_) {
        if (touched.offset < guaranteed_.size())
            memcpy(view_ + touched.offset, guaranteed_.data() + touched.offset,
                   std::min(touched.bytes, guaranteed_.size() - touched.offset));
    }
    touched_.clear();
    if (least_bytes_ < guaranteed_.size())
        memcpy(view_ + least_bytes_, guaranteed_.data() + least_bytes_, guaranteed_.size() - least_bytes_);
    least_bytes_ = UINT64_MAX;
}

bool ImageFile::is_as_guaranteed() const {
    return memcmp(view_, guaranteed_.data(), guaranteed_.size()) == 0;
}

std::string ImageFile::content() const {
    return {view_, file_bytes_};
}

void ImageFile::keep_as(const std::string& path) const {
    if (FILE* file = fopen(path.c_str(), "wbe"); file != nullptr) {
        fwrite(view_, 1, file_bytes_, file);
        fclose(file);
    }
}

void ImageFile::touch(uint64_t offset, uint64_t bytes) {
    // Whole lines: a write-back names any byte of a line and means all of it.
    const uint64_t first = offset / kLine * kLine;
    touched_.push_back({first, (offset + bytes + kLine - 1) / kLine * kLine - first});
}

void ImageFile::about_to_write(int file, const char*, size_t bytes, uint64_t offset) {
    struct stat status;
    if (fstat(file, &status) == 0 && status.st_ino == inode_)
        touch(offset, bytes);
}

void ImageFile::written_back(const char* address, size_t bytes) {
    uint64_t offset;
    if (mappings_.offset_of(address, offset))
        touch(offset, bytes);
}

}  // namespace terrace::persist::states
