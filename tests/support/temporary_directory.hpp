// A directory for one test, removed with all it holds. On tmpfs (/dev/shm) or on the file system of TMPDIR.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace terrace::tests {

class TemporaryDirectory {
  public:
    enum class Where { kTmpfs, kDisk };

    explicit TemporaryDirectory(Where where = Where::kTmpfs) {
        const char* configured = std::getenv("TMPDIR");
        path_ = std::string(where == Where::kTmpfs  ? "/dev/shm"
                            : configured != nullptr ? configured
                                                    : "/var/tmp") +
                "/terrace-test.XXXXXX";
        if (mkdtemp(path_.data()) == nullptr)
            ADD_FAILURE() << "cannot make a directory like " << path_;
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    const char* path() const { return path_.c_str(); }
    std::string file(const char* name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

}  // namespace terrace::tests
