// The heap functions of memkind.h on every kind: results, errno, edge cases.
#include <gtest/gtest.h>
#include <memkind.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>

#include "tests/support/temporary_directory.hpp"

namespace {

using terrace::tests::TemporaryDirectory;

class EveryKind : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        if (GetParam() == std::string("DEFAULT"))
            kind_ = MEMKIND_DEFAULT;
        else if (GetParam() == std::string("REGULAR"))
            kind_ = MEMKIND_REGULAR;
        else
            ASSERT_EQ(memkind_create_pmem(directory_.path(), 0, &kind_), MEMKIND_SUCCESS);
    }
    void TearDown() override { EXPECT_EQ(memkind_destroy_kind(kind_), MEMKIND_SUCCESS); }

    TemporaryDirectory directory_;
    memkind_t kind_ = nullptr;
};

TEST_P(EveryKind, IsAvailable) {
    EXPECT_EQ(memkind_check_available(kind_), MEMKIND_SUCCESS);
}

TEST_P(EveryKind, GivesAlignedMemoryThatHoldsWhatIsWritten) {
    for (std::size_t size = 1; size < 10'000'000; size = size * 3 + 1) {
        auto* const memory = static_cast<unsigned char*>(memkind_malloc(kind_, size));
        ASSERT_NE(memory, nullptr) << size;
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % (size <= 8 ? 8 : 16), 0U) << size;
        EXPECT_GE(memkind_malloc_usable_size(kind_, memory), size);
        std::memset(memory, 0xa5, memkind_malloc_usable_size(nullptr, memory));
        EXPECT_EQ(memory[size - 1], 0xa5);
        memkind_free(kind_, memory);
    }
}

TEST_P(EveryKind, IsToldByTheAddress) {
    void* const memory = memkind_malloc(kind_, 100);
    EXPECT_EQ(memkind_detect_kind(memory), kind_);
    EXPECT_EQ(memkind_detect_kind(static_cast<char*>(memory) + 50), kind_);
    memkind_free(nullptr, memory);
}

TEST_P(EveryKind, AnswersSizeZeroWithNullAndLeavesErrno) {
    errno = 4711;
    EXPECT_EQ(memkind_malloc(kind_, 0), nullptr);
    EXPECT_EQ(memkind_calloc(kind_, 0, 5), nullptr);
    EXPECT_EQ(memkind_calloc(kind_, 5, 0), nullptr);
    EXPECT_EQ(errno, 4711);
}

TEST_P(EveryKind, RefusesHugeSizesWithEnomem) {
    for (const std::size_t size :
         {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2, SIZE_MAX - 4096, std::size_t{1} << 60}) {
        errno = 0;
        EXPECT_EQ(memkind_malloc(kind_, size), nullptr);
        EXPECT_EQ(errno, ENOMEM);
        errno = 0;
        EXPECT_EQ(memkind_calloc(kind_, 1, size), nullptr);
        EXPECT_EQ(errno, ENOMEM);
    }
}

TEST_P(EveryKind, CallocRefusesAProductThatOverflows) {
    errno = 0;
    EXPECT_EQ(memkind_calloc(kind_, SIZE_MAX / 2 + 2, 2), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_EQ(memkind_calloc(kind_, SIZE_MAX, SIZE_MAX), nullptr);
}

TEST_P(EveryKind, CallocGivesZeroesInMemoryUsedBefore) {
    for (const std::size_t size : {24UL, 4096UL, 70'000UL, 5'000'000UL}) {
        void* const dirty = memkind_malloc(kind_, size);
        std::memset(dirty, 0xff, size);
        memkind_free(kind_, dirty);
        auto* const memory = static_cast<unsigned char*>(memkind_calloc(kind_, size / 8, 8));
        ASSERT_NE(memory, nullptr);
        for (std::size_t i = 0; i < size / 8 * 8; ++i)
            ASSERT_EQ(memory[i], 0) << "byte " << i << " of " << size;
        memkind_free(kind_, memory);
    }
}

TEST_P(EveryKind, ReallocKeepsTheContents) {
    auto* memory = static_cast<char*>(memkind_realloc(kind_, nullptr, 10));
    ASSERT_NE(memory, nullptr);
    std::strcpy(memory, "contents");
    for (const std::size_t size : {100UL, 20'000UL, 3'000'000UL, 20'000'000UL, 500UL, 9UL}) {
        memory = static_cast<char*>(memkind_realloc(kind_, memory, size));
        ASSERT_NE(memory, nullptr);
        ASSERT_STREQ(memory, "contents") << size;
        EXPECT_EQ(memkind_detect_kind(memory), kind_);
    }
    errno = 0;
    EXPECT_EQ(memkind_realloc(kind_, memory, SIZE_MAX), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_STREQ(memory, "contents") << "a failed realloc leaves the block alone";
    EXPECT_EQ(memkind_realloc(kind_, memory, 0), nullptr);
}

TEST_P(EveryKind, ReallocWithoutAKindStaysInTheKind) {
    void* const memory = memkind_realloc(nullptr, memkind_malloc(kind_, 10), 100'000);
    EXPECT_EQ(memkind_detect_kind(memory), kind_);
    memkind_free(nullptr, memory);
}

TEST_P(EveryKind, ReallocMovesBetweenKinds) {
    auto* memory = static_cast<char*>(memkind_malloc(MEMKIND_DEFAULT, 1000));
    std::strcpy(memory, "moves");
    memory = static_cast<char*>(memkind_realloc(kind_, memory, 2000));
    ASSERT_NE(memory, nullptr);
    EXPECT_EQ(memkind_detect_kind(memory), kind_);
    EXPECT_STREQ(memory, "moves");
    memory = static_cast<char*>(memkind_realloc(MEMKIND_DEFAULT, memory, 6));
    EXPECT_EQ(memkind_detect_kind(memory), MEMKIND_DEFAULT);
    EXPECT_STREQ(memory, "moves");
    memkind_free(MEMKIND_DEFAULT, memory);
}

TEST_P(EveryKind, AlignsAsAsked) {
    for (std::size_t alignment = sizeof(void*); alignment <= std::size_t{256} << 20; alignment *= 2) {
        void* memory = &memory;
        errno = 4711;
        ASSERT_EQ(memkind_posix_memalign(kind_, &memory, alignment, 100), 0) << alignment;
        EXPECT_EQ(errno, 4711);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % alignment, 0U);
        std::memset(memory, 1, 100);
        memkind_free(kind_, memory);
    }
}

TEST_P(EveryKind, RefusesBadAlignments) {
    for (const std::size_t alignment : {0UL, 1UL, 4UL, 7UL, 24UL, SIZE_MAX}) {
        void* memory = &memory;
        EXPECT_EQ(memkind_posix_memalign(kind_, &memory, alignment, 100), EINVAL) << alignment;
        EXPECT_EQ(memory, nullptr);
        memory = &memory;
        EXPECT_EQ(memkind_posix_memalign(kind_, &memory, alignment, 0), EINVAL) << alignment;
    }
    void* memory = &memory;
    EXPECT_EQ(memkind_posix_memalign(kind_, &memory, 64, 0), 0);
    EXPECT_EQ(memory, nullptr);
    memory = &memory;
    EXPECT_EQ(memkind_posix_memalign(kind_, &memory, 64, SIZE_MAX), ENOMEM);
    EXPECT_EQ(memory, nullptr);
    EXPECT_EQ(memkind_posix_memalign(kind_, &memory, std::size_t{1} << 63, 8), ENOMEM);
}

TEST_P(EveryKind, FreeWithTheWrongKindPutsTheBlockWhereItBelongs) {
    std::set<void*> freed;
    for (int i = 0; i < 100; ++i)
        freed.insert(memkind_malloc(kind_, 48));
    memkind_t const wrong = kind_ == MEMKIND_DEFAULT ? MEMKIND_REGULAR : MEMKIND_DEFAULT;
    for (void* memory : freed)
        memkind_free(wrong, memory);
    for (int i = 0; i < 1000; ++i) {
        void* const memory = memkind_malloc(wrong, 48);
        EXPECT_EQ(freed.count(memory), 0U) << "memory of one kind came out of another";
        EXPECT_EQ(memkind_detect_kind(memory), wrong);
        memkind_free(wrong, memory);
    }
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryKind, testing::Values("DEFAULT", "REGULAR", "FILE"),
                         [](const auto& tested) { return std::string(tested.param); });

TEST(ForeignPointers, AreIgnoredAndAnsweredWithNothing) {
    int on_the_stack = 0;
    static int in_the_data = 0;
    void* const from_libc = std::malloc(100);
    for (void* foreign : {static_cast<void*>(&on_the_stack), static_cast<void*>(&in_the_data), from_libc,
                          reinterpret_cast<void*>(1), reinterpret_cast<void*>(UINTPTR_MAX)}) {
        EXPECT_EQ(memkind_detect_kind(foreign), nullptr);
        EXPECT_EQ(memkind_malloc_usable_size(nullptr, foreign), 0U);
        errno = 0;
        EXPECT_EQ(memkind_realloc(nullptr, foreign, 10), nullptr);
        EXPECT_EQ(errno, EINVAL);
        memkind_free(nullptr, foreign);
        memkind_free(MEMKIND_DEFAULT, foreign);
    }
    std::free(from_libc);
}

TEST(NullArguments, AreAnsweredWithEinvalInsteadOfACrash) {
    errno = 0;
    EXPECT_EQ(memkind_malloc(nullptr, 10), nullptr);
    EXPECT_EQ(errno, EINVAL);
    errno = 0;
    EXPECT_EQ(memkind_calloc(nullptr, 1, 10), nullptr);
    EXPECT_EQ(errno, EINVAL);
    errno = 0;
    EXPECT_EQ(memkind_realloc(nullptr, nullptr, 10), nullptr);
    EXPECT_EQ(errno, EINVAL);
    void* memory = nullptr;
    EXPECT_EQ(memkind_posix_memalign(nullptr, &memory, 64, 10), EINVAL);
    EXPECT_EQ(memkind_detect_kind(nullptr), nullptr);
    EXPECT_EQ(memkind_malloc_usable_size(nullptr, nullptr), 0U);
    EXPECT_EQ(memkind_check_available(nullptr), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_destroy_kind(nullptr), MEMKIND_ERROR_INVALID);
    memkind_free(nullptr, nullptr);
    memkind_free(MEMKIND_DEFAULT, nullptr);
}

}  // namespace
