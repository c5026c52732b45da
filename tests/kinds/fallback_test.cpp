// memkind_create_fallback: kinds that take memory from others, in order.
#include <gtest/gtest.h>
#include <memkind.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/support/temporary_directory.hpp"

namespace {

using terrace::tests::TemporaryDirectory;

constexpr std::size_t kMiB = 1 << 20;

class Fallback : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_EQ(memkind_create_pmem(directory_.path(), 16 * kMiB, &first_), MEMKIND_SUCCESS);
        ASSERT_EQ(memkind_create_pmem(directory_.path(), 0, &second_), MEMKIND_SUCCESS);
    }
    void TearDown() override {
        if (chain_ != nullptr) {
            EXPECT_EQ(memkind_destroy_kind(chain_), MEMKIND_SUCCESS);
        }
        EXPECT_EQ(memkind_destroy_kind(first_), MEMKIND_SUCCESS);
        EXPECT_EQ(memkind_destroy_kind(second_), MEMKIND_SUCCESS);
    }
    void chain(const std::vector<memkind_t>& members) {
        ASSERT_EQ(memkind_create_fallback(members.data(), members.size(), &chain_), MEMKIND_SUCCESS);
    }

    TemporaryDirectory directory_;
    memkind_t first_ = nullptr;
    memkind_t second_ = nullptr;
    memkind_t chain_ = nullptr;
};

TEST_F(Fallback, TakesFromTheFirstUntilItIsFull) {
    chain({first_, second_});
    std::vector<void*> blocks;
    bool in_second = false;
    std::size_t of_first = 0;
    errno = 4711;
    for (int i = 0; i < 400; ++i) {
        void* const block = memkind_malloc(chain_, 100000);
        ASSERT_NE(block, nullptr);
        std::memset(block, 1, 100000);
        memkind_t const home = memkind_detect_kind(block);
        ASSERT_TRUE(home == first_ || home == second_);
        of_first += home == first_;
        in_second = in_second || home == second_;
        blocks.push_back(block);
    }
    EXPECT_EQ(errno, 4711);
    EXPECT_TRUE(in_second);
    EXPECT_GE(of_first * 100000, 13 * kMiB);
    for (void* block : blocks)
        memkind_free(chain_, block);
    // A member that refused is not asked at once again, but soon.
    int tries = 1;
    while (tries < 5000 && memkind_detect_kind(memkind_malloc(chain_, 100)) != first_)
        ++tries;
    EXPECT_LT(tries, 5000);
}

TEST_F(Fallback, ServesEveryFunction) {
    chain({first_, second_});
    void* aligned = nullptr;
    ASSERT_EQ(memkind_posix_memalign(chain_, &aligned, 1 << 16, 100), 0);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(aligned) % (1 << 16), 0U);
    auto* block = static_cast<char*>(memkind_calloc(chain_, 100, 10));
    ASSERT_NE(block, nullptr);
    EXPECT_EQ(block[999], 0);
    std::strcpy(block, "text");
    block = static_cast<char*>(memkind_realloc(chain_, block, 20 * kMiB));
    ASSERT_NE(block, nullptr);
    EXPECT_STREQ(block, "text");
    EXPECT_EQ(memkind_detect_kind(block), second_);
    block = static_cast<char*>(memkind_realloc(chain_, block, 10));
    EXPECT_STREQ(block, "text");
    memkind_free(chain_, block);
    memkind_free(chain_, aligned);
    EXPECT_EQ(memkind_malloc(chain_, 0), nullptr);
    EXPECT_EQ(memkind_malloc(chain_, SIZE_MAX), nullptr);
}

TEST_F(Fallback, PassesOverMembersThatTheMachineLacks) {
    if (memkind_check_available(MEMKIND_DAX_KMEM) == MEMKIND_SUCCESS)
        GTEST_SKIP() << "this machine has every kind that the test would miss";
    chain({MEMKIND_DAX_KMEM, MEMKIND_DAX_KMEM_ALL, second_});
    EXPECT_EQ(memkind_check_available(chain_), MEMKIND_SUCCESS);
    EXPECT_EQ(memkind_detect_kind(memkind_malloc(chain_, 100)), second_);
    memkind_t none = nullptr;
    ASSERT_EQ(memkind_create_fallback(&MEMKIND_DAX_KMEM, 1, &none), MEMKIND_SUCCESS);
    EXPECT_NE(memkind_check_available(none), MEMKIND_SUCCESS);
    errno = 0;
    EXPECT_EQ(memkind_malloc(none, 100), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    memkind_destroy_kind(none);
}

TEST_F(Fallback, RefusesWhatIsNoListOfKinds) {
    memkind_t untouched = second_;
    EXPECT_EQ(memkind_create_fallback(nullptr, 1, &untouched), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_create_fallback(&first_, 0, &untouched), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_create_fallback(&first_, 1, nullptr), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_create_fallback(&first_, SIZE_MAX, &untouched), MEMKIND_ERROR_INVALID);
    memkind_t with_null[] = {first_, nullptr};
    EXPECT_EQ(memkind_create_fallback(with_null, 2, &untouched), MEMKIND_ERROR_INVALID);
    auto* const made_up = reinterpret_cast<memkind_t>(&untouched);
    EXPECT_EQ(memkind_create_fallback(&made_up, 1, &untouched), MEMKIND_ERROR_INVALID);
    chain({first_});
    EXPECT_EQ(memkind_create_fallback(&chain_, 1, &untouched), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(untouched, second_);
    EXPECT_EQ(memkind_set_limit(chain_, kMiB), MEMKIND_ERROR_INVALID);
}

TEST_F(Fallback, LeavesItsMembersAliveWhenItGoes) {
    chain({first_, second_});
    auto* const block = static_cast<char*>(memkind_malloc(chain_, 100));
    std::strcpy(block, "text");
    ASSERT_EQ(memkind_destroy_kind(chain_), MEMKIND_SUCCESS);
    chain_ = nullptr;
    EXPECT_STREQ(block, "text");
    memkind_free(first_, block);
    EXPECT_NE(memkind_malloc(first_, 100), nullptr);
}

TEST_F(Fallback, SumsUpWhatItsMembersHold) {
    chain({first_, second_});
    void* const mine = memkind_malloc(first_, 200000);
    memkind_malloc(second_, 400000);
    memkind_usage sum = {};
    memkind_usage one = {};
    memkind_usage other = {};
    ASSERT_EQ(memkind_get_usage(chain_, &sum), MEMKIND_SUCCESS);
    ASSERT_EQ(memkind_get_usage(first_, &one), MEMKIND_SUCCESS);
    ASSERT_EQ(memkind_get_usage(second_, &other), MEMKIND_SUCCESS);
    EXPECT_EQ(sum.taken, one.taken + other.taken);
    memkind_free(first_, mine);
    ASSERT_EQ(memkind_trim(chain_), MEMKIND_SUCCESS);
    const std::size_t before = one.taken;
    ASSERT_EQ(memkind_get_usage(first_, &one), MEMKIND_SUCCESS);
    EXPECT_LE(one.taken, before - 200000);
}

TEST_F(Fallback, KeepsALimitOfAMember) {
    ASSERT_EQ(memkind_set_limit(second_, 2 * kMiB), MEMKIND_SUCCESS);
    chain({second_, first_, MEMKIND_REGULAR});
    std::vector<memkind_t> homes;
    for (int i = 0; i < 50; ++i) {
        void* const block = memkind_malloc(chain_, kMiB);
        ASSERT_NE(block, nullptr);
        homes.push_back(memkind_detect_kind(block));
    }
    EXPECT_EQ(homes.front(), second_);
    EXPECT_EQ(homes[5], first_);
    EXPECT_EQ(homes.back(), MEMKIND_REGULAR);
}

TEST_F(Fallback, IsSharedByThreads) {
    chain({first_, second_});
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            std::vector<unsigned char*> blocks;
            for (int i = 0; i < 2000; ++i) {
                auto* const block = static_cast<unsigned char*>(memkind_malloc(chain_, 5000));
                if (block == nullptr) {
                    ++wrong;
                    return;
                }
                std::memset(block, t, 5000);
                blocks.push_back(block);
            }
            for (unsigned char* block : blocks) {
                wrong += block[0] != t || block[4999] != t;
                memkind_free(chain_, block);
            }
        });
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(wrong, 0);
}

}  // namespace
