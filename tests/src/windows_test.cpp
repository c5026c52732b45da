#include "src/windows.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace windows = terrace::windows;

TEST(Windows, AnAddressTellsItsOwner) {
    const windows::Window seven = windows::reserve(windows::kGranule, 0, 7);
    const windows::Window eight = windows::reserve(3 * windows::kGranule, 0, 8);
    ASSERT_NE(seven.base, nullptr);
    ASSERT_NE(eight.base, nullptr);
    EXPECT_EQ(windows::owner_of(seven.base), 7);
    EXPECT_EQ(windows::owner_of(seven.base + seven.size - 1), 7);
    EXPECT_EQ(windows::owner_of(eight.base + eight.size / 2), 8);
    windows::release(seven);
    EXPECT_EQ(windows::owner_of(seven.base), windows::kNobody);
    EXPECT_EQ(windows::owner_of(eight.base), 8);
    windows::release(eight);
}

TEST(Windows, ForeignAddressesAreNobodys) {
    int on_the_stack = 0;
    static int in_the_data = 0;
    EXPECT_EQ(windows::owner_of(&on_the_stack), windows::kNobody);
    EXPECT_EQ(windows::owner_of(&in_the_data), windows::kNobody);
    EXPECT_EQ(windows::owner_of(nullptr), windows::kNobody);
    EXPECT_EQ(windows::owner_of(reinterpret_cast<void*>(UINTPTR_MAX)), windows::kNobody);
    EXPECT_EQ(windows::owner_of(reinterpret_cast<void*>(std::uintptr_t{1} << windows::kAddressBits)),
              windows::kNobody);
}

TEST(Windows, StartAtAGranuleAndAreWholeGranules) {
    const windows::Window window = windows::reserve(1, 0, 1);
    ASSERT_NE(window.base, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(window.base) % windows::kGranule, 0U);
    EXPECT_EQ(window.size, windows::kGranule);
    windows::release(window);
}

TEST(Windows, ImpossibleSizesAreRefusedWithEnomem) {
    errno = 0;
    EXPECT_EQ(windows::reserve(SIZE_MAX, SIZE_MAX, 1).base, nullptr);
    EXPECT_EQ(errno, ENOMEM);
    errno = 0;
    EXPECT_EQ(windows::reserve(0, (std::size_t{1} << 47) - 1, 1).base, nullptr);
    EXPECT_EQ(errno, ENOMEM);
}

#if !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)  // they need more address space than the limit
TEST(Windows, AreSmallerWhereTheAddressSpaceIsLimited) {
    const pid_t child = fork();
    if (child == 0) {
        const rlimit limit = {std::size_t{1} << 30, std::size_t{1} << 30};
        if (setrlimit(RLIMIT_AS, &limit) != 0)
            _exit(2);
        const windows::Window window = windows::reserve(std::size_t{64} << 30, 0, 1);
        _exit(window.base != nullptr && window.size < std::size_t{1} << 30 ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}
#endif
