// Every sort of kind that a machine without special memory has, for the tests of faults: each test runs on
// all of them. MEMKIND_HBW is there because node 0 is named high-bandwidth before the library looks.
#pragma once

#include <gtest/gtest.h>
#include <memkind.h>
#include <sys/mman.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "tests/support/temporary_directory.hpp"

namespace terrace::tests {

constexpr std::size_t kMiB = std::size_t{1} << 20;

// Memory that a fixed kind can lie over. Costs nothing until it is touched.
class Buffer {
  public:
    explicit Buffer(std::size_t size) : size_(size) {
        start_ =
            mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (start_ == MAP_FAILED)
            ADD_FAILURE() << "no address space for a buffer of " << size;
    }
    ~Buffer() { munmap(start_, size_); }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    char* begin() const { return static_cast<char*>(start_); }
    char* end() const { return begin() + size_; }
    std::size_t size() const { return size_; }
    bool holds(const void* block, std::size_t size) const {
        const auto* const first = static_cast<const char*>(block);
        return first >= begin() && first <= end() && size <= static_cast<std::size_t>(end() - first);
    }

  private:
    void* start_;
    std::size_t size_;
};

// A kind by the name of its sort, and all that has to live as long as it does.
class SomeKind {
  public:
    explicit SomeKind(const std::string& sort) {
        setenv("MEMKIND_HBW_NODES", "0", 0);  // read at the first use of such a kind
        int result = MEMKIND_SUCCESS;
        if (sort == "DEFAULT") {
            kind_ = MEMKIND_DEFAULT;
        } else if (sort == "REGULAR") {
            kind_ = MEMKIND_REGULAR;
        } else if (sort == "HBW") {
            kind_ = MEMKIND_HBW;
        } else if (sort == "FIXED") {
            buffer_ = std::make_unique<Buffer>(1024 * kMiB);
            result = memkind_create_fixed(buffer_->begin(), buffer_->size(), &kind_);
        } else {
            directory_ = std::make_unique<TemporaryDirectory>(sort == "FILE_IN_MEMORY"
                                                                  ? TemporaryDirectory::Where::kTmpfs
                                                                  : TemporaryDirectory::Where::kDisk);
            result = memkind_create_pmem(directory_->path(), 0, &kind_);
        }
        EXPECT_EQ(result, MEMKIND_SUCCESS) << "no kind " << sort;
    }
    ~SomeKind() {
        if (kind_ != nullptr) {
            EXPECT_EQ(memkind_destroy_kind(kind_), MEMKIND_SUCCESS);
        }
    }
    SomeKind(const SomeKind&) = delete;
    SomeKind& operator=(const SomeKind&) = delete;

    memkind_t get() const { return kind_; }
    const Buffer* buffer() const { return buffer_.get(); }
    const TemporaryDirectory* directory() const { return directory_.get(); }

  private:
    std::unique_ptr<Buffer> buffer_;
    std::unique_ptr<TemporaryDirectory> directory_;
    memkind_t kind_ = nullptr;
};

inline const char* const kSorts[] = {"DEFAULT", "REGULAR", "HBW", "FILE_IN_MEMORY", "FILE_ON_DISK", "FIXED"};

class EverySortOfKind : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override { ASSERT_EQ(memkind_check_available(kind_), MEMKIND_SUCCESS); }

    // Another kind than the one under test.
    memkind_t other() const { return kind_ == MEMKIND_DEFAULT ? MEMKIND_REGULAR : MEMKIND_DEFAULT; }

    SomeKind owner_{GetParam()};
    memkind_t kind_ = owner_.get();
};

// Each file with such tests names its suite: a class derived from EverySortOfKind.
#define TERRACE_ON_EVERY_SORT_OF_KIND(SUITE)                                            \
    INSTANTIATE_TEST_SUITE_P(Sorts, SUITE, testing::ValuesIn(::terrace::tests::kSorts), \
                             [](const auto& tested) { return std::string(tested.param); })

}  // namespace terrace::tests
