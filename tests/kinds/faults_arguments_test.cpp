// Arguments that memkind crashed on or answered wrongly: overflow, sizes near SIZE_MAX, NULL, size 0, errno.
#include <memkind.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <set>

#include "tests/kinds/faults_fixture.hpp"

namespace {

using namespace terrace::tests;

class FaultyArguments : public EverySortOfKind {};
TERRACE_ON_EVERY_SORT_OF_KIND(FaultyArguments);

constexpr std::size_t kTooLarge[] = {
    SIZE_MAX,     SIZE_MAX - 1,     SIZE_MAX - 15,       SIZE_MAX - 4095,      SIZE_MAX - (2 << 20),
    SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX / 2 - 4096, std::size_t{1} << 62, std::size_t{1} << 48};

TEST_P(FaultyArguments, CallocOfAProductThatOverflowsIsEnomem) {
    const struct {
        std::size_t number, size;
    } products[] = {{SIZE_MAX / 2 + 2, 2},
                    {2, SIZE_MAX / 2 + 2},
                    {SIZE_MAX, SIZE_MAX},
                    {SIZE_MAX, 2},
                    {std::size_t{1} << 32, std::size_t{1} << 32},
                    {SIZE_MAX / 16 + 2, 16}};
    for (const auto& [number, size] : products) {
        errno = 0;
        EXPECT_EQ(memkind_calloc(kind_, number, size), nullptr) << number << " * " << size;
        EXPECT_EQ(errno, ENOMEM);
    }
}

TEST_P(FaultyArguments, SizesNearSizeMaxAreEnomemInEveryFunction) {
    auto* const block = static_cast<char*>(memkind_malloc(kind_, 100));
    ASSERT_NE(block, nullptr);
    std::strcpy(block, "contents");
    for (const std::size_t size : kTooLarge) {
        errno = 0;
        EXPECT_EQ(memkind_malloc(kind_, size), nullptr) << size;
        EXPECT_EQ(errno, ENOMEM) << "malloc " << size;
        errno = 0;
        EXPECT_EQ(memkind_calloc(kind_, 1, size), nullptr) << size;
        EXPECT_EQ(errno, ENOMEM) << "calloc " << size;
        errno = 0;
        EXPECT_EQ(memkind_calloc(kind_, size, 1), nullptr) << size;
        EXPECT_EQ(errno, ENOMEM) << "calloc " << size;
        for (memkind_t const to : {kind_, other(), memkind_t{nullptr}}) {
            errno = 0;
            EXPECT_EQ(memkind_realloc(to, block, size), nullptr) << size;
            EXPECT_EQ(errno, ENOMEM) << "realloc " << size;
        }
        for (const std::size_t alignment : {std::size_t{8}, std::size_t{4096}, 4 * kMiB}) {
            void* memory = &memory;
            errno = 4711;
            EXPECT_EQ(memkind_posix_memalign(kind_, &memory, alignment, size), ENOMEM) << size;
            EXPECT_EQ(memory, nullptr);
            EXPECT_EQ(errno, 4711) << "posix_memalign keeps errno";
        }
    }
    EXPECT_STREQ(block, "contents");
    EXPECT_EQ(memkind_detect_kind(block), kind_);
    memkind_free(kind_, block);
}

TEST_P(FaultyArguments, SizeZeroIsNullUntilItIsAllowed) {
    errno = 4711;
    EXPECT_EQ(memkind_malloc(kind_, 0), nullptr);
    EXPECT_EQ(memkind_calloc(kind_, 0, 0), nullptr);
    EXPECT_EQ(memkind_calloc(kind_, 0, 8), nullptr);
    EXPECT_EQ(memkind_calloc(kind_, 8, 0), nullptr);
    EXPECT_EQ(memkind_realloc(kind_, nullptr, 0), nullptr);
    EXPECT_EQ(errno, 4711) << "nothing failed";

    ASSERT_EQ(memkind_set_allow_zero_allocs(kind_, true), MEMKIND_SUCCESS);
    std::set<void*> blocks;
    for (int i = 0; i < 100; ++i) {
        void* const block = i % 2 == 0 ? memkind_malloc(kind_, 0) : memkind_calloc(kind_, 8, 0);
        ASSERT_NE(block, nullptr);
        EXPECT_EQ(memkind_detect_kind(block), kind_);
        EXPECT_TRUE(blocks.insert(block).second) << "each block of size 0 is one of its own";
    }
    EXPECT_EQ(memkind_malloc(other(), 0), nullptr) << "only the one kind was asked for it";
    for (void* const block : blocks)
        memkind_free(kind_, block);

    EXPECT_EQ(memkind_set_allow_zero_allocs(kind_, false), MEMKIND_SUCCESS);
    EXPECT_EQ(memkind_malloc(kind_, 0), nullptr);
}

TEST_P(FaultyArguments, ReallocToSizeZeroFrees) {
    for (const std::size_t size : {std::size_t{10}, std::size_t{10'000}, 3 * kMiB}) {
        void* const block = memkind_malloc(kind_, size);
        errno = 4711;
        EXPECT_EQ(memkind_realloc(kind_, block, 0), nullptr);
        EXPECT_EQ(errno, 4711);
    }
}

TEST_P(FaultyArguments, FreeKeepsErrno) {
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{100}, std::size_t{5000}, std::size_t{70'000}, 3 * kMiB, 40 * kMiB}) {
        for (memkind_t const named : {kind_, memkind_t{nullptr}, other()}) {
            void* const block = memkind_malloc(kind_, size);
            ASSERT_NE(block, nullptr);
            std::memset(block, 1, size);
            errno = 4711;
            memkind_free(named, block);
            EXPECT_EQ(errno, 4711) << size;
        }
    }
    errno = 4711;
    memkind_free(kind_, nullptr);
    memkind_free(nullptr, nullptr);
    EXPECT_EQ(errno, 4711);
}

TEST_P(FaultyArguments, BadAlignmentsAreEinvalAndLeaveNoPointer) {
    for (const std::size_t alignment :
         {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{4}, std::size_t{9}, std::size_t{12},
          std::size_t{48}, std::size_t{4097}, SIZE_MAX, SIZE_MAX - 7}) {
        for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{100}}) {
            void* memory = &memory;
            EXPECT_EQ(memkind_posix_memalign(kind_, &memory, alignment, size), EINVAL) << alignment;
            EXPECT_EQ(memory, nullptr);
        }
    }
    EXPECT_EQ(memkind_posix_memalign(kind_, nullptr, 64, 100), EINVAL);
}

TEST_P(FaultyArguments, HugeAlignmentsAreEnomemAndNoCrash) {
    for (std::size_t alignment = std::size_t{1} << 47; alignment != 0; alignment <<= 1) {
        void* memory = &memory;
        EXPECT_EQ(memkind_posix_memalign(kind_, &memory, alignment, 8), ENOMEM) << alignment;
        EXPECT_EQ(memory, nullptr);
    }
}

TEST_P(FaultyArguments, AlignmentIsHonouredFromAWordToFourMebibytesAndBeyond) {
    for (std::size_t alignment = sizeof(void*); alignment <= 64 * kMiB; alignment *= 2)
        for (const std::size_t size : {std::size_t{1}, std::size_t{100}, std::size_t{5000}, 3 * kMiB}) {
            void* memory = nullptr;
            ASSERT_EQ(memkind_posix_memalign(kind_, &memory, alignment, size), 0)
                << size << " bytes at a multiple of " << alignment;
            EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % alignment, 0U) << size;
            EXPECT_GE(memkind_malloc_usable_size(kind_, memory), size);
            EXPECT_EQ(memkind_detect_kind(memory), kind_);
            std::memset(memory, 1, size);
            memkind_free(kind_, memory);
        }
}

TEST(NullKinds, AreAnsweredByEveryFunction) {
    for (const std::size_t size : {std::size_t{10}, SIZE_MAX}) {
        errno = 0;
        EXPECT_EQ(memkind_malloc(nullptr, size), nullptr);
        EXPECT_EQ(errno, EINVAL);
        errno = 0;
        EXPECT_EQ(memkind_calloc(nullptr, 1, size), nullptr);
        EXPECT_EQ(errno, EINVAL);
        errno = 0;
        EXPECT_EQ(memkind_realloc(nullptr, nullptr, size), nullptr);
        EXPECT_EQ(errno, EINVAL);
        void* memory = &memory;
        EXPECT_EQ(memkind_posix_memalign(nullptr, &memory, 64, size), EINVAL);
        EXPECT_EQ(memory, nullptr);
    }
    memkind_free(nullptr, nullptr);
    EXPECT_EQ(memkind_malloc_usable_size(nullptr, nullptr), 0U);
    EXPECT_EQ(memkind_malloc_usable_size(MEMKIND_DEFAULT, nullptr), 0U);
    EXPECT_EQ(memkind_detect_kind(nullptr), nullptr);
    EXPECT_EQ(memkind_defrag_reallocate(nullptr, nullptr), nullptr);
    EXPECT_EQ(memkind_defrag_reallocate(MEMKIND_DEFAULT, nullptr), nullptr);
    EXPECT_EQ(memkind_check_available(nullptr), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_destroy_kind(nullptr), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_get_capacity(nullptr), -1);
    EXPECT_EQ(memkind_set_allow_zero_allocs(nullptr, true), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_check_dax_path(nullptr), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_create_fixed(nullptr, 4096, nullptr), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_create_pmem(nullptr, 0, nullptr), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_create_kind(MEMKIND_MEMTYPE_DEFAULT, MEMKIND_POLICY_PREFERRED_LOCAL, memkind_bits_t(0),
                                  nullptr),
              MEMKIND_ERROR_INVALID);
    memkind_t kind = MEMKIND_REGULAR;
    EXPECT_EQ(memkind_create_pmem_with_config(nullptr, &kind), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(kind, MEMKIND_REGULAR) << "*kind is left alone";
    memkind_config_delete(nullptr);
    memkind_config_set_path(nullptr, "/");
    memkind_config_set_size(nullptr, 0);
    memkind_config_set_memory_usage_policy(nullptr, MEMKIND_MEM_USAGE_POLICY_DEFAULT);
    EXPECT_EQ(memkind_trim(nullptr), MEMKIND_SUCCESS) << "every kind";
}

TEST(ErrorTexts, AreCutAndTerminatedAndKnowAnyNumber) {
    char text[8] = "xxxxxxx";
    memkind_error_message(MEMKIND_ERROR_INVALID, nullptr, 0);
    memkind_error_message(MEMKIND_ERROR_INVALID, text, 0);
    EXPECT_STREQ(text, "xxxxxxx");
    memkind_error_message(MEMKIND_ERROR_INVALID, text, 1);
    EXPECT_STREQ(text, "");
    memkind_error_message(MEMKIND_ERROR_INVALID, text, sizeof text);
    EXPECT_EQ(std::strlen(text), sizeof text - 1);
    char whole[MEMKIND_ERROR_MESSAGE_SIZE];
    for (const int number : {INT32_MIN, -1000, -7, 0, 1, INT32_MAX}) {
        memkind_error_message(number, whole, sizeof whole);
        EXPECT_NE(std::strstr(whole, std::to_string(number).c_str()), nullptr) << whole;
    }
}

}  // namespace
