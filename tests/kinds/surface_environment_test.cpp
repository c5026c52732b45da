// memkind.h with variables in the environment. The library reads them once, so each test is a process of its
// own; this one never calls it.
#include <gtest/gtest.h>
#include <hbwmalloc.h>
#include <memkind.h>

#include <cstdlib>
#include <string>

#include "tests/support/child_process.hpp"
#include "tests/support/temporary_directory.hpp"

extern "C" int surface_kinds(memkind_t* kinds);

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

// What is read once in a process is tried in one of its own, with a variable set.
template <typename Test>
void in_process_with(const char* variable, const char* value, Test test) {
    const int status = terrace::tests::run_in_child([&] {
        setenv(variable, value, 1);
        test();
        fflush(nullptr);
        return !testing::Test::HasFailure();
    });
    EXPECT_EQ(status, 0) << "the process failed; its messages are above";
}

// ---- memkind_create_kind ----

int create_kind(unsigned types, int policy, unsigned flags, memkind_t* kind) {
    return memkind_create_kind(static_cast<memkind_memtype_t>(types), static_cast<memkind_policy_t>(policy),
                               static_cast<memkind_bits_t>(flags), kind);
}

struct Row {
    unsigned types;
    int policy;
    unsigned flags;
    memkind_t* kind;
};
constexpr unsigned kDefaultType = 1, kHighBandwidth = 2, k2MB = 21;
const Row kRows[] = {
    {kHighBandwidth, MEMKIND_POLICY_BIND_LOCAL, 0, &MEMKIND_HBW},
    {kHighBandwidth, MEMKIND_POLICY_BIND_LOCAL, k2MB, &MEMKIND_HBW_HUGETLB},
    {kHighBandwidth, MEMKIND_POLICY_BIND_ALL, 0, &MEMKIND_HBW_ALL},
    {kHighBandwidth, MEMKIND_POLICY_BIND_ALL, k2MB, &MEMKIND_HBW_ALL_HUGETLB},
    {kHighBandwidth, MEMKIND_POLICY_PREFERRED_LOCAL, 0, &MEMKIND_HBW_PREFERRED},
    {kHighBandwidth, MEMKIND_POLICY_PREFERRED_LOCAL, k2MB, &MEMKIND_HBW_PREFERRED_HUGETLB},
    {kHighBandwidth, MEMKIND_POLICY_INTERLEAVE_ALL, 0, &MEMKIND_HBW_INTERLEAVE},
    {kDefaultType, MEMKIND_POLICY_PREFERRED_LOCAL, 0, &MEMKIND_DEFAULT},
    {kDefaultType, MEMKIND_POLICY_PREFERRED_LOCAL, k2MB, &MEMKIND_HUGETLB},
    {kDefaultType | kHighBandwidth, MEMKIND_POLICY_INTERLEAVE_ALL, 0, &MEMKIND_INTERLEAVE},
};

// Every combination of types, policies and flags against the table above.
void expect_the_table() {
    for (unsigned types = 0; types <= 4; ++types) {
        for (int policy = -1; policy <= MEMKIND_POLICY_MAX_VALUE + 1; ++policy) {
            for (const unsigned flags : {0u, 1u, 2u, k2MB, 22u, ~0u}) {
                const Row* row = nullptr;
                for (const Row& each : kRows)
                    if (each.types == types && each.policy == policy && each.flags == flags)
                        row = &each;
                memkind_t const untouched = reinterpret_cast<memkind_t>(&row);
                memkind_t kind = untouched;
                int expected = MEMKIND_ERROR_INVALID;
                memkind_t expected_kind = untouched;
                if (row != nullptr) {
                    expected = MEMKIND_SUCCESS;
                    expected_kind = *row->kind;
                    if (memkind_check_available(*row->kind) != MEMKIND_SUCCESS) {
                        const bool preferred = policy == MEMKIND_POLICY_PREFERRED_LOCAL;
                        expected = preferred ? MEMKIND_SUCCESS : MEMKIND_ERROR_MEMTYPE_NOT_AVAILABLE;
                        expected_kind = preferred ? MEMKIND_DEFAULT : untouched;
                    }
                }
                EXPECT_EQ(create_kind(types, policy, flags, &kind), expected)
                    << "types " << types << " policy " << policy << " flags " << flags;
                EXPECT_EQ(kind, expected_kind)
                    << "types " << types << " policy " << policy << " flags " << flags;
            }
        }
    }
}

TEST(CreateKind, FollowsItsTable) {
    in_process_with("MEMKIND_DEBUG", "0", expect_the_table);
}

TEST(CreateKind, FollowsItsTableWithHighBandwidthMemory) {
    in_process_with("MEMKIND_HBW_NODES", "0", [] {
        ASSERT_EQ(memkind_check_available(MEMKIND_HBW), MEMKIND_SUCCESS);
        expect_the_table();
    });
}

TEST(CreateKind, RefusesNull) {
    in_process_with("MEMKIND_DEBUG", "0", [] {
        EXPECT_EQ(create_kind(kDefaultType, MEMKIND_POLICY_PREFERRED_LOCAL, 0, nullptr),
                  MEMKIND_ERROR_INVALID);
    });
}

// ---- MEMKIND_ARENA_NUM_PER_KIND ----

TEST(ArenaVariable, IsRefusedWhenItIsNoNumber) {
    for (const char* const value : {"0", "-1", "many", "", "1x", "2147483648", "99999999999999999999"}) {
        in_process_with("MEMKIND_ARENA_NUM_PER_KIND", value, [&] {
            const terrace::tests::TemporaryDirectory directory;
            memkind_t kind = nullptr;
            testing::internal::CaptureStderr();
            EXPECT_EQ(memkind_create_pmem(directory.path(), 0, &kind), MEMKIND_ERROR_ENVIRON) << value;
            const std::string log = testing::internal::GetCapturedStderr();
            EXPECT_NE(log.find("MEMKIND_ARENA_NUM_PER_KIND"), std::string::npos) << log;
            EXPECT_NE(log.find(value), std::string::npos) << log;
            EXPECT_EQ(kind, nullptr);
        });
    }
}

TEST(ArenaVariable, MayBeAnyNumberAboveZero) {
    for (const char* const value : {"1", "3", "1000", "2147483647"}) {
        in_process_with("MEMKIND_ARENA_NUM_PER_KIND", value, [&] {
            const terrace::tests::TemporaryDirectory directory;
            memkind_t kind = nullptr;
            ASSERT_EQ(memkind_create_pmem(directory.path(), 0, &kind), MEMKIND_SUCCESS) << value;
            EXPECT_NE(memkind_malloc(kind, 100), nullptr);
            memkind_destroy_kind(kind);
        });
    }
}

// ---- MEMKIND_HBW_NODES, MEMKIND_DAX_KMEM_NODES ----

// An unavailable kind gives no memory; an available one's memory is its own.
TEST(StaticKinds, GiveMemoryWhenTheySayTheyAreAvailable) {
    in_process_with("MEMKIND_HBW_NODES", "0", [] {
        setenv("MEMKIND_DAX_KMEM_NODES", "0", 1);
        memkind_t kinds[MEMKIND_NUM_BASE_KIND];
        const int count = surface_kinds(kinds);
        for (int i = 0; i < count; ++i) {
            const bool available = memkind_check_available(kinds[i]) == MEMKIND_SUCCESS;
            void* const block = memkind_malloc(kinds[i], 100);
            EXPECT_EQ(block != nullptr, available) << "partition " << i;
            EXPECT_EQ(memkind_detect_kind(block), available ? kinds[i] : nullptr) << "partition " << i;
            memkind_free(nullptr, block);
        }
    });
}

TEST(Capacity, IsKnownBeforeTheKindIsUsed) {
    in_process_with("MEMKIND_HBW_NODES", "0", [] {
        setenv("MEMKIND_DAX_KMEM_NODES", "0", 1);
        const ssize_t regular = memkind_get_capacity(MEMKIND_REGULAR);
        EXPECT_GT(regular, 0);
        EXPECT_GT(memkind_get_capacity(MEMKIND_DEFAULT), 0);
        EXPECT_EQ(memkind_get_capacity(MEMKIND_INTERLEAVE) >= regular, true);
        // Preferred kinds are of as much as those that are bound to the same nodes; memkind said -1.
        EXPECT_EQ(memkind_get_capacity(MEMKIND_HBW_PREFERRED), memkind_get_capacity(MEMKIND_HBW));
        EXPECT_GT(memkind_get_capacity(MEMKIND_HBW), 0);
        EXPECT_EQ(memkind_get_capacity(MEMKIND_DAX_KMEM_PREFERRED), memkind_get_capacity(MEMKIND_DAX_KMEM));
        EXPECT_GT(memkind_get_capacity(MEMKIND_HIGHEST_CAPACITY_PREFERRED), 0);
        EXPECT_GT(memkind_get_capacity(MEMKIND_HIGHEST_CAPACITY_LOCAL_PREFERRED), 0);
    });
}

TEST(HbwNodes, AreWhereAKindOnThemPutsItsPages) {
    // hbw_verify_memory_region() asks the kernel where pages lie.
    in_process_with("MEMKIND_HBW_NODES", "0", [] {
        memkind_t kind = nullptr;
        ASSERT_EQ(memkind_create_on_nodes("0", MEMKIND_PLACEMENT_BIND, nullptr, &kind), MEMKIND_SUCCESS);
        void* const block = memkind_malloc(kind, 10 * kMiB);
        ASSERT_NE(block, nullptr);
        EXPECT_EQ(hbw_verify_memory_region(block, 10 * kMiB, HBW_TOUCH_PAGES), 0);
    });
}

TEST(Nodes, AreThoseOfTheEnvironment) {
    in_process_with("MEMKIND_HBW_NODES", "0", [] {
        unsigned long mask = 0;
        EXPECT_EQ(memkind_get_nodes(MEMKIND_HBW_ALL, &mask, 64), MEMKIND_SUCCESS);
        EXPECT_EQ(mask, 1UL);
    });
}

}  // namespace
