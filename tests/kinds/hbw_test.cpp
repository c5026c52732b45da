// hbwmalloc.h. The policy is chosen once in a process and the environment is read once, so each test is a
// process of its own; this one never calls the library.
#include <gtest/gtest.h>
#include <hbwmalloc.h>
#include <memkind.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "tests/support/child_process.hpp"

namespace {

constexpr std::size_t kGiB = std::size_t{1} << 30;
constexpr std::size_t kPage = 4096;

// Runs `test` in a process that has the nodes of `hbw_nodes` for high-bandwidth memory; nullptr: what the
// machine has.
template <typename Test>
void with_hbw_nodes(const char* hbw_nodes, Test test) {
    const int status = terrace::tests::run_in_child([&] {
        if (hbw_nodes == nullptr)
            unsetenv("MEMKIND_HBW_NODES");
        else
            setenv("MEMKIND_HBW_NODES", hbw_nodes, 1);
        test();
        fflush(nullptr);
        return !testing::Test::HasFailure();
    });
    EXPECT_EQ(status, 0) << "the process failed; its messages are above";
}

template <typename Test>
void with_hbw(Test test) {
    with_hbw_nodes("0", test);
}

bool machine_has_hbw() {
    return terrace::tests::run_in_child([] { return hbw_check_available() == 0; }) == 0;
}

// Runs `test` where there is no high-bandwidth memory.
template <typename Test>
void without_hbw(Test test) {
    with_hbw_nodes(nullptr, test);
}
#define SKIP_WITH_HBW()    \
    if (machine_has_hbw()) \
    GTEST_SKIP() << "this machine has high-bandwidth memory"

char* new_pages(std::size_t count, int protection = PROT_READ | PROT_WRITE) {
    void* const memory = mmap(nullptr, count * kPage, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<char*>(memory);
}

// ---- the policy ----

TEST(HbwPolicy, IsPreferredUntilOneIsChosen) {
    with_hbw([] {
        EXPECT_EQ(hbw_get_policy(), HBW_POLICY_PREFERRED);
        EXPECT_EQ(hbw_set_policy(HBW_POLICY_BIND), 0) << "asking for the policy must not settle it";
        EXPECT_EQ(hbw_get_policy(), HBW_POLICY_BIND);
    });
}

TEST(HbwPolicy, IsChosenOnce) {
    for (const auto policy :
         {HBW_POLICY_BIND, HBW_POLICY_PREFERRED, HBW_POLICY_INTERLEAVE, HBW_POLICY_BIND_ALL}) {
        with_hbw([&] {
            EXPECT_EQ(hbw_set_policy(policy), 0);
            EXPECT_EQ(hbw_set_policy(policy), 0) << "the same again is no change";
            const auto other = policy == HBW_POLICY_BIND ? HBW_POLICY_PREFERRED : HBW_POLICY_BIND;
            EXPECT_EQ(hbw_set_policy(other), EPERM);
            EXPECT_EQ(hbw_get_policy(), policy);
        });
    }
}

TEST(HbwPolicy, IsSettledByTheFirstAllocation) {
    with_hbw([] {
        hbw_free(hbw_malloc(1));
        EXPECT_EQ(hbw_set_policy(HBW_POLICY_BIND), EPERM);
        EXPECT_EQ(hbw_set_policy(HBW_POLICY_PREFERRED), 0);
    });
}

TEST(HbwPolicy, IsNotAnyNumber) {
    with_hbw([] {
        for (const int mode : {-1, 0, 5, 1000})
            EXPECT_EQ(hbw_set_policy(static_cast<hbw_policy_t>(mode)), EINVAL) << mode;
        EXPECT_EQ(hbw_set_policy(HBW_POLICY_BIND_ALL), 0) << "a refused policy must not settle it";
    });
}

// ---- where memory comes from ----

TEST(HbwMemory, ComesFromTheKindOfThePolicy) {
    const struct {
        hbw_policy_t policy;
        memkind_t* kind;
    } cases[] = {{HBW_POLICY_BIND, &MEMKIND_HBW},
                 {HBW_POLICY_PREFERRED, &MEMKIND_HBW_PREFERRED},
                 {HBW_POLICY_INTERLEAVE, &MEMKIND_HBW_INTERLEAVE},
                 {HBW_POLICY_BIND_ALL, &MEMKIND_HBW_ALL}};
    for (const auto& each : cases) {
        with_hbw([&] {
            ASSERT_EQ(hbw_check_available(), 0);
            ASSERT_EQ(hbw_set_policy(each.policy), 0);
            void* aligned = nullptr;
            void* in_pages = nullptr;
            EXPECT_EQ(hbw_posix_memalign(&aligned, 64, 100), 0);
            EXPECT_EQ(hbw_posix_memalign_psize(&in_pages, kPage, 100, HBW_PAGESIZE_4KB), 0);
            void* const plain = hbw_malloc(100);
            void* const zeroed = hbw_calloc(10, 10);
            void* const resized = hbw_realloc(nullptr, 100);
            for (void* const block : {aligned, in_pages, plain, zeroed, resized}) {
                EXPECT_EQ(memkind_detect_kind(block), *each.kind) << "policy " << each.policy;
                EXPECT_GE(hbw_malloc_usable_size(block), 100u);
                hbw_free(block);
            }
        });
    }
}

TEST(HbwMemory, IsOrdinaryMemoryWhereThereIsNoOtherAndThePolicyAllows) {
    SKIP_WITH_HBW();
    without_hbw([] {
        EXPECT_EQ(hbw_check_available(), ENODEV);
        void* const block = hbw_malloc(100);
        EXPECT_EQ(memkind_detect_kind(block), MEMKIND_DEFAULT);
        hbw_free(block);
    });
}

TEST(HbwMemory, IsRefusedWhereThereIsNoneAndThePolicyIsStrict) {
    SKIP_WITH_HBW();
    for (const auto policy : {HBW_POLICY_BIND, HBW_POLICY_BIND_ALL, HBW_POLICY_INTERLEAVE}) {
        without_hbw([&] {
            ASSERT_EQ(hbw_set_policy(policy), 0);
            errno = 0;
            EXPECT_EQ(hbw_malloc(100), nullptr);
            EXPECT_EQ(errno, ENOMEM);
            errno = 0;
            EXPECT_EQ(hbw_calloc(1, 100), nullptr);
            EXPECT_EQ(errno, ENOMEM);
            void* block = &block;
            EXPECT_EQ(hbw_posix_memalign(&block, 64, 100), ENOMEM);
        });
    }
}

// ---- edge cases of the malloc family ----

TEST(HbwMemory, GivesNothingForNothing) {
    with_hbw([] {
        errno = 0;
        EXPECT_EQ(hbw_malloc(0), nullptr);
        EXPECT_EQ(hbw_calloc(0, 10), nullptr);
        EXPECT_EQ(hbw_calloc(10, 0), nullptr);
        EXPECT_EQ(hbw_realloc(nullptr, 0), nullptr);
        EXPECT_EQ(hbw_realloc(hbw_malloc(10), 0), nullptr);
        EXPECT_EQ(errno, 0);
        void* block = &block;
        EXPECT_EQ(hbw_posix_memalign(&block, 64, 0), 0);
        EXPECT_EQ(block, nullptr);
        hbw_free(nullptr);
        EXPECT_EQ(hbw_malloc_usable_size(nullptr), 0u);
    });
}

TEST(HbwMemory, RefusesWhatDoesNotFit) {
    with_hbw([] {
        errno = 0;
        EXPECT_EQ(hbw_malloc(SIZE_MAX), nullptr);
        EXPECT_EQ(errno, ENOMEM);
        errno = 0;
        EXPECT_EQ(hbw_calloc(SIZE_MAX / 2 + 2, 2), nullptr) << "the product overflows";
        EXPECT_EQ(errno, ENOMEM);
        char* const block = static_cast<char*>(hbw_malloc(10));
        std::strcpy(block, "kept");
        EXPECT_EQ(hbw_realloc(block, SIZE_MAX), nullptr);
        EXPECT_STREQ(block, "kept");
        hbw_free(block);
    });
}

TEST(HbwMemory, RefusesBadAlignments) {
    with_hbw([] {
        for (const std::size_t alignment :
             {std::size_t{0}, std::size_t{1}, std::size_t{4}, std::size_t{24}}) {
            void* block = &block;
            errno = 0;
            EXPECT_EQ(hbw_posix_memalign(&block, alignment, 100), EINVAL) << alignment;
            EXPECT_EQ(block, nullptr);
            EXPECT_EQ(errno, 0);
        }
        EXPECT_EQ(hbw_posix_memalign(nullptr, 64, 100), EINVAL);
    });
}

TEST(HbwMemory, KeepsItsContentsWhenItIsResized) {
    with_hbw([] {
        char* block = static_cast<char*>(hbw_malloc(1000));
        std::memset(block, 'x', 1000);
        block = static_cast<char*>(hbw_realloc(block, 1000000));
        ASSERT_NE(block, nullptr);
        EXPECT_EQ(block[0], 'x');
        EXPECT_EQ(block[999], 'x');
        EXPECT_EQ(memkind_detect_kind(block), MEMKIND_HBW_PREFERRED);
        hbw_free(block);
    });
}

TEST(HbwMemory, LeavesForeignPointersAlone) {
    with_hbw([] {
        int ours = 7;
        hbw_free(&ours);
        errno = 0;
        EXPECT_EQ(hbw_realloc(&ours, 100), nullptr);
        EXPECT_EQ(errno, EINVAL);
        EXPECT_EQ(hbw_malloc_usable_size(&ours), 0u);
        EXPECT_EQ(ours, 7);
    });
}

// ---- page sizes ----

TEST(HbwPageSize, IsOneThatExists) {
    with_hbw([] {
        for (const int size : {-1, 0, 5, 6, 4096}) {
            void* block = &block;
            EXPECT_EQ(hbw_posix_memalign_psize(&block, 64, 100, static_cast<hbw_pagesize_t>(size)), EINVAL)
                << size;
            EXPECT_EQ(block, nullptr);
        }
    });
}

TEST(HbwPageSize, OfAGibibyteAndStrictWantsWholeGibibytes) {
    with_hbw([] {
        void* block = &block;
        EXPECT_EQ(hbw_posix_memalign_psize(&block, 64, 100, HBW_PAGESIZE_1GB_STRICT), EINVAL);
        EXPECT_EQ(hbw_posix_memalign_psize(&block, 64, kGiB + 1, HBW_PAGESIZE_1GB_STRICT), EINVAL);
        EXPECT_EQ(hbw_posix_memalign_psize(&block, 64, 0, HBW_PAGESIZE_1GB_STRICT), 0);
        EXPECT_EQ(block, nullptr);
    });
}

TEST(HbwPageSize, IsOrdinaryWhenInterleaved) {
    with_hbw([] {
        ASSERT_EQ(hbw_set_policy(HBW_POLICY_INTERLEAVE), 0);
        void* block = nullptr;
        for (const auto size : {HBW_PAGESIZE_2MB, HBW_PAGESIZE_1GB_STRICT, HBW_PAGESIZE_1GB})
            EXPECT_EQ(hbw_posix_memalign_psize(&block, 64, kGiB, size), EINVAL) << size;
        EXPECT_EQ(hbw_posix_memalign_psize(&block, 64, kGiB, HBW_PAGESIZE_4KB), 0);
        hbw_free(block);
    });
}

TEST(HbwPageSize, IsHugeOnlyWhereSuchPagesAreConfigured) {
    const struct {
        hbw_pagesize_t size;
        memkind_t* kind;
    } cases[] = {{HBW_PAGESIZE_2MB, &MEMKIND_HBW_HUGETLB}, {HBW_PAGESIZE_1GB, &MEMKIND_HBW_GBTLB}};
    for (const auto& each : cases) {
        with_hbw([&] {
            ASSERT_EQ(hbw_set_policy(HBW_POLICY_BIND), 0);
            const bool configured = memkind_check_available(*each.kind) == MEMKIND_SUCCESS;
            void* block = &block;
            const int result = hbw_posix_memalign_psize(&block, 64, 100, each.size);
            if (result == 0) {
                EXPECT_EQ(memkind_detect_kind(block), *each.kind);
                void* const grown = hbw_realloc(block, 200);
                EXPECT_EQ(memkind_detect_kind(grown), *each.kind) << "it must stay in its pages";
                hbw_free(grown);
            } else {
                EXPECT_EQ(result, ENOMEM);
                EXPECT_EQ(block, nullptr);
            }
            EXPECT_TRUE(configured || result == ENOMEM);
        });
    }
}

// ---- hbw_verify_memory_region ----

TEST(HbwVerify, RefusesBadArguments) {
    with_hbw([] {
        char* const pages = new_pages(1);
        EXPECT_EQ(hbw_verify_memory_region(nullptr, 1, 0), EINVAL);
        EXPECT_EQ(hbw_verify_memory_region(pages, 0, 0), EINVAL);
        EXPECT_EQ(hbw_verify_memory_region(pages, 1, 2), EINVAL);
        EXPECT_EQ(hbw_verify_memory_region(pages, 1, -1), EINVAL);
        EXPECT_EQ(hbw_verify_memory_region(pages, SIZE_MAX, 0), EFAULT) << "the range wraps around";
        EXPECT_EQ(hbw_verify_memory_region(pages, SIZE_MAX, HBW_TOUCH_PAGES), EFAULT);
    });
}

TEST(HbwVerify, AcceptsPagesOnHighBandwidthNodesOnly) {
    with_hbw([] {
        char* const pages = new_pages(1000);
        std::memset(pages, 1, 1000 * kPage);
        EXPECT_EQ(hbw_verify_memory_region(pages, 1000 * kPage, 0), 0) << "every page is on node 0";
        char* const block = static_cast<char*>(hbw_calloc(1, 100000));
        EXPECT_EQ(hbw_verify_memory_region(block, 100000, HBW_TOUCH_PAGES), 0);
        hbw_free(block);
    });
    SKIP_WITH_HBW();
    without_hbw([] {
        char* const pages = new_pages(1);
        pages[0] = 1;
        EXPECT_EQ(hbw_verify_memory_region(pages, 1, 0), -1);
    });
}

TEST(HbwVerify, LooksAtEveryPageThatTheRangeTouches) {
    with_hbw([] {
        char* const pages = new_pages(3);
        pages[0] = 1;
        EXPECT_EQ(hbw_verify_memory_region(pages, kPage, 0), 0);
        EXPECT_EQ(hbw_verify_memory_region(pages + kPage - 1, 2, 0), -1)
            << "the second page has no memory yet";
        pages[kPage] = 1;
        EXPECT_EQ(hbw_verify_memory_region(pages + kPage - 1, 2, 0), 0);
        EXPECT_EQ(hbw_verify_memory_region(pages, 3 * kPage, 0), -1);
    });
}

TEST(HbwVerify, TouchesPagesAndLeavesTheirContents) {
    with_hbw([] {
        char* const pages = new_pages(3);
        pages[kPage] = 7;
        EXPECT_EQ(hbw_verify_memory_region(pages, 3 * kPage, HBW_TOUCH_PAGES), 0);
        EXPECT_EQ(pages[0], 0);
        EXPECT_EQ(pages[kPage], 7);
        unsigned char resident[3] = {};
        ASSERT_EQ(mincore(pages, 3 * kPage, resident), 0);
        EXPECT_TRUE((resident[0] & resident[1] & resident[2] & 1) != 0);
    });
}

TEST(HbwVerify, SaysSoWhenAPageCannotBeTouched) {
    with_hbw([] {
        char* const pages = new_pages(3);
        // What the library maps for itself at its first call must not come to lie in the gap.
        EXPECT_EQ(hbw_verify_memory_region(pages, 1, 0), -1);
        munmap(pages + kPage, kPage);
        EXPECT_EQ(hbw_verify_memory_region(pages, 3 * kPage, HBW_TOUCH_PAGES), EFAULT);
        EXPECT_EQ(hbw_verify_memory_region(pages + kPage, 1, HBW_TOUCH_PAGES), EFAULT);
        EXPECT_EQ(hbw_verify_memory_region(pages + kPage, 1, 0), -1) << "no page, no high bandwidth";
        char* const read_only = new_pages(1, PROT_READ);
        EXPECT_EQ(hbw_verify_memory_region(read_only, 1, HBW_TOUCH_PAGES), EFAULT);
        char* const closed = new_pages(1, PROT_NONE);
        EXPECT_EQ(hbw_verify_memory_region(closed, 1, HBW_TOUCH_PAGES), EFAULT);
        void* const kernels = reinterpret_cast<void*>(std::uintptr_t{0xffffffff80000000});
        EXPECT_EQ(hbw_verify_memory_region(kernels, 1, HBW_TOUCH_PAGES), EFAULT);
    });
}

TEST(HbwVerify, DoesNotLoseWhatAnotherThreadWrites) {
    with_hbw([] {
        constexpr std::uint32_t kRounds = 200000;
        auto* const counter = reinterpret_cast<std::uint32_t*>(new_pages(1));
        std::thread writer([&] {
            for (std::uint32_t i = 0; i < kRounds; ++i)
                __atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
        });
        while (__atomic_load_n(counter, __ATOMIC_RELAXED) < kRounds)
            if (hbw_verify_memory_region(counter, kPage, HBW_TOUCH_PAGES) == EFAULT)
                ADD_FAILURE();
        writer.join();
        EXPECT_EQ(*counter, kRounds);
    });
}

}  // namespace
