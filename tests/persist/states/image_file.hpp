// One file that becomes one image after the other. Only what differs is written, and what the library changed
// while it had the image open is put back: it is known from the seam, which is also what makes this a test of the
// seam (`is_as_guaranteed` compares all of it).
#pragma once

#include <string>
#include <vector>

#include "tests/persist/states/home_mappings.hpp"
#include "tests/persist/states/images.hpp"
#include "tests/persist/states/seam.hpp"

namespace terrace::persist::states {

class ImageFile : public SeamListener {
  public:
    // `guaranteed`: the file's content at first.
    ImageFile(std::string path, std::string guaranteed);
    ~ImageFile() override;
    ImageFile(const ImageFile&) = delete;
    ImageFile& operator=(const ImageFile&) = delete;

    const std::string& path() const { return path_; }

    // Steps to the next point: more is guaranteed. REQUIRES: no image is in place.
    void advance(const Point& point);
    // A number for the image's content: equal images have equal ones.
    uint64_t fingerprint(const Image& image, const Point& point) const;
    void put(const Image& image, const Point& point);
    // Changes of any kind to the file as it is, which restore() takes back.
    void overwrite(uint64_t offset, const std::string& content);
    void resize(uint64_t bytes);
    // Takes the image away again, with whatever became of it.
    void restore();
    // After restore(): is every byte what it must be? False when something was changed past the seam.
    bool is_as_guaranteed() const;
    // While another file of this process is worked on.
    void pause() { stop_listening(*this); }
    void resume() { listen(*this); }
    // The whole image as it is now.
    std::string content() const;
    void keep_as(const std::string& path) const;

  private:
    void about_to_write(int file, const char* source, size_t bytes, uint64_t offset) override;
    void written_back(const char* address, size_t bytes) override;
    void touch(uint64_t offset, uint64_t bytes);
    void fit(uint64_t bytes);
    std::string guaranteed_unit(uint64_t offset, uint64_t bytes) const;

    struct Touched {
        uint64_t offset;
        uint64_t bytes;
    };
    const std::string path_;
    std::string guaranteed_;
    uint64_t fingerprint_ = 0;  // of guaranteed_, changes since the first point only
    int file_ = -1;
    uint64_t inode_ = 0;
    uint64_t file_bytes_ = 0;
    uint64_t least_bytes_ = UINT64_MAX;  // since the last restore(): what lay behind is zeros now
    char* view_ = nullptr;
    HomeMappings mappings_;
    std::vector<Touched> touched_;
};

}  // namespace terrace::persist::states
