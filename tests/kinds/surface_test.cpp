// memkind.h around the heap: finding kinds, making them, what they are made of. The numbers are in surface_program.c.
#include <dirent.h>
#include <gtest/gtest.h>
#include <memkind.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>

#include "tests/support/temporary_directory.hpp"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

extern "C" int surface_kinds(memkind_t* kinds);

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

unsigned open_files() {
    unsigned count = 0;
    DIR* const folder = opendir("/proc/self/fd");
    while (readdir(folder) != nullptr)
        ++count;
    closedir(folder);
    return count;
}

// ---- static kinds ----

TEST(StaticKinds, AreTwentySixDifferentOnes) {
    memkind_t kinds[MEMKIND_NUM_BASE_KIND];
    const int count = surface_kinds(kinds);
    EXPECT_EQ(count, 26);
    EXPECT_EQ(std::set<memkind_t>(kinds, kinds + count).size(), 26u);
    EXPECT_EQ(std::set<memkind_t>(kinds, kinds + count).count(nullptr), 0u);
}

TEST(StaticKinds, AreFoundByTheirPartition) {
    memkind_t kinds[MEMKIND_NUM_BASE_KIND];
    surface_kinds(kinds);
    for (int partition = 0; partition < MEMKIND_NUM_BASE_KIND; ++partition) {
        memkind_t found = nullptr;
        EXPECT_EQ(memkind_get_kind_by_partition(partition, &found), MEMKIND_SUCCESS) << partition;
        EXPECT_EQ(found, kinds[partition]) << partition;
    }
    for (const int partition : {-1, 500, 100000, -100000}) {
        memkind_t found = MEMKIND_DEFAULT;
        EXPECT_EQ(memkind_get_kind_by_partition(partition, &found), MEMKIND_ERROR_UNAVAILABLE) << partition;
        EXPECT_EQ(found, nullptr);
    }
    EXPECT_EQ(memkind_get_kind_by_partition(0, nullptr), MEMKIND_ERROR_INVALID);
}

TEST(StaticKinds, AreNotDestroyed) {
    memkind_t kinds[MEMKIND_NUM_BASE_KIND];
    const int count = surface_kinds(kinds);
    for (int i = 0; i < count; ++i)
        EXPECT_EQ(memkind_destroy_kind(kinds[i]), MEMKIND_SUCCESS) << i;
    memkind_free(nullptr, memkind_malloc(MEMKIND_REGULAR, 1));
}

// ---- file kinds with a configuration ----

class Configuration : public testing::Test {
  protected:
    Configuration() : config(memkind_config_new()) {}
    ~Configuration() override { memkind_config_delete(config); }

    terrace::tests::TemporaryDirectory directory;
    struct memkind_config* config;
    memkind_t kind = nullptr;
};

TEST_F(Configuration, StartsWithoutADirectory) {
    ASSERT_NE(config, nullptr);
    errno = 0;
    EXPECT_EQ(memkind_create_pmem_with_config(config, &kind), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(kind, nullptr);
}

TEST_F(Configuration, StartsWithoutALimitAndWithTheDefaultPolicy) {
    memkind_config_set_path(config, directory.path());
    ASSERT_EQ(memkind_create_pmem_with_config(config, &kind), MEMKIND_SUCCESS);
    memkind_free(kind, memkind_malloc(kind, 1));
    EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
}

TEST_F(Configuration, MakesAsManyKindsAsWanted) {
    memkind_config_set_path(config, directory.path());
    memkind_config_set_size(config, 32 * kMiB);
    memkind_config_set_memory_usage_policy(config, MEMKIND_MEM_USAGE_POLICY_CONSERVATIVE);
    memkind_t other = nullptr;
    ASSERT_EQ(memkind_create_pmem_with_config(config, &kind), MEMKIND_SUCCESS);
    ASSERT_EQ(memkind_create_pmem_with_config(config, &other), MEMKIND_SUCCESS);
    EXPECT_NE(kind, other);
    for (memkind_t const each : {kind, other}) {
        EXPECT_EQ(memkind_get_capacity(each), static_cast<ssize_t>(32 * kMiB));
        void* const block = memkind_malloc(each, 1000);
        EXPECT_EQ(memkind_detect_kind(block), each);
        memkind_destroy_kind(each);
    }
}

TEST_F(Configuration, WithABadPolicyMakesNothing) {
    memkind_config_set_path(config, directory.path());
    const unsigned before = open_files();
    for (const int policy : {2, 3, -1, 1000}) {
        memkind_config_set_memory_usage_policy(config, static_cast<memkind_mem_usage_policy>(policy));
        EXPECT_EQ(memkind_create_pmem_with_config(config, &kind), MEMKIND_ERROR_INVALID) << policy;
        EXPECT_EQ(kind, nullptr);
    }
    EXPECT_EQ(open_files(), before) << "a file was left open";
}

TEST_F(Configuration, WithABadSizeOrDirectoryMakesNothing) {
    memkind_config_set_path(config, directory.path());
    for (const std::size_t size : {std::size_t{1}, std::size_t{MEMKIND_PMEM_MIN_SIZE} - 1}) {
        memkind_config_set_size(config, size);
        EXPECT_EQ(memkind_create_pmem_with_config(config, &kind), MEMKIND_ERROR_INVALID) << size;
    }
    memkind_config_set_size(config, 0);
    memkind_config_set_path(config, "/no/such/directory");
    EXPECT_EQ(memkind_create_pmem_with_config(config, &kind), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(errno, ENOENT);
}

TEST_F(Configuration, MayBeNull) {
    memkind_config_delete(nullptr);
    memkind_config_set_path(nullptr, "/tmp");
    memkind_config_set_size(nullptr, 0);
    memkind_config_set_memory_usage_policy(nullptr, MEMKIND_MEM_USAGE_POLICY_DEFAULT);
    EXPECT_EQ(memkind_create_pmem_with_config(nullptr, &kind), MEMKIND_ERROR_INVALID);
    memkind_config_set_path(config, directory.path());
    EXPECT_EQ(memkind_create_pmem_with_config(config, nullptr), MEMKIND_ERROR_INVALID);
}

// ---- capacity ----

TEST(Capacity, OfAFileKindIsItsRoundedLimit) {
    const terrace::tests::TemporaryDirectory directory;
    memkind_t kind = nullptr;
    ASSERT_EQ(memkind_create_pmem(directory.path(), 16 * kMiB + 4096, &kind), MEMKIND_SUCCESS);
    EXPECT_EQ(memkind_get_capacity(kind), static_cast<ssize_t>(18 * kMiB));
    memkind_destroy_kind(kind);
}

TEST(Capacity, OfAFileKindWithoutALimitIsItsFileSystems) {
    const terrace::tests::TemporaryDirectory directory;
    struct statvfs system;
    ASSERT_EQ(statvfs(directory.path(), &system), 0);
    for (const std::size_t size : {std::size_t{0}, SIZE_MAX}) {
        memkind_t kind = nullptr;
        ASSERT_EQ(memkind_create_pmem(directory.path(), size, &kind), MEMKIND_SUCCESS);
        EXPECT_EQ(memkind_get_capacity(kind), static_cast<ssize_t>(system.f_blocks * system.f_frsize));
        memkind_destroy_kind(kind);
    }
}

TEST(Capacity, OfAFixedKindIsItsSize) {
    alignas(4096) static char buffer[1 << 20];
    memkind_t kind = nullptr;
    ASSERT_EQ(memkind_create_fixed(buffer, sizeof buffer, &kind), MEMKIND_SUCCESS);
    EXPECT_EQ(memkind_get_capacity(kind), static_cast<ssize_t>(sizeof buffer));
    memkind_destroy_kind(kind);
}

TEST(Capacity, IsWhatAvailabilitySays) {
    memkind_t kinds[MEMKIND_NUM_BASE_KIND];
    const int count = surface_kinds(kinds);
    for (int i = 0; i < count; ++i) {
        const int available = memkind_check_available(kinds[i]);
        const ssize_t capacity = memkind_get_capacity(kinds[i]);
        if (available == MEMKIND_SUCCESS) {
            EXPECT_GT(capacity, 0) << "partition " << i;
            continue;
        }
        EXPECT_EQ(capacity, available == MEMKIND_ERROR_HUGETLB ? 0 : -1) << "partition " << i;
    }
    EXPECT_EQ(memkind_get_capacity(nullptr), -1);
}

// ---- nodes ----

constexpr unsigned long kMostNodes = 1024;

struct Mask {
    unsigned long words[kMostNodes / (8 * sizeof(unsigned long))] = {};
    bool only_node(unsigned node) const {
        Mask expected;
        expected.words[node / 64] = 1UL << (node % 64);
        return std::memcmp(words, expected.words, sizeof words) == 0;
    }
    bool empty() const {
        const Mask nothing;
        return std::memcmp(words, nothing.words, sizeof words) == 0;
    }
};

class OnNodes : public testing::Test {
  protected:
    ~OnNodes() override {
        if (kind != nullptr)
            memkind_destroy_kind(kind);
    }
    memkind_t kind = nullptr;
};

TEST_F(OnNodes, GivesMemoryInEveryPlacement) {
    const unsigned one = 1;
    for (int placement = 0; placement <= MEMKIND_PLACEMENT_WEIGHTED_INTERLEAVE; ++placement) {
        const bool weighted = placement == MEMKIND_PLACEMENT_WEIGHTED_INTERLEAVE;
        memkind_t each = nullptr;
        ASSERT_EQ(memkind_create_on_nodes("0", static_cast<memkind_placement_t>(placement),
                                          weighted ? &one : nullptr, &each),
                  MEMKIND_SUCCESS)
            << placement;
        for (const std::size_t size : {std::size_t{10}, 10 * kMiB}) {
            char* const block = static_cast<char*>(memkind_calloc(each, 1, size));
            ASSERT_NE(block, nullptr) << placement;
            EXPECT_EQ(block[size - 1], 0);
            EXPECT_EQ(memkind_detect_kind(block), each);
            std::memset(block, 1, size);
            memkind_free(each, block);
        }
        Mask mask;
        EXPECT_EQ(memkind_get_nodes(each, mask.words, kMostNodes), MEMKIND_SUCCESS);
        EXPECT_TRUE(mask.only_node(0)) << placement;
        EXPECT_EQ(memkind_check_available(each), MEMKIND_SUCCESS);
        EXPECT_GT(memkind_get_capacity(each), 0);
        EXPECT_EQ(memkind_destroy_kind(each), MEMKIND_SUCCESS);
    }
}

TEST_F(OnNodes, RefusesListsThatAreNone) {
    for (const char* const nodes :
         {"", " ", "x", "-1", "0-", "0,,0", "1-0", "0x0", "0;0", "99999999999999999999"}) {
        EXPECT_EQ(memkind_create_on_nodes(nodes, MEMKIND_PLACEMENT_BIND, nullptr, &kind),
                  MEMKIND_ERROR_INVALID)
            << "'" << nodes << "'";
        EXPECT_EQ(kind, nullptr);
    }
}

TEST_F(OnNodes, RefusesNodesThatTheMachineDoesNotHave) {
    for (const char* const nodes : {"1023", "0,1023", "0-1023", "1024", "4000000000"})
        EXPECT_EQ(memkind_create_on_nodes(nodes, MEMKIND_PLACEMENT_BIND, nullptr, &kind),
                  MEMKIND_ERROR_INVALID)
            << nodes;
}

TEST_F(OnNodes, RefusesBadArguments) {
    const unsigned fine = 255, none = 0, too_large = 256;
    const auto weighted = MEMKIND_PLACEMENT_WEIGHTED_INTERLEAVE;
    EXPECT_EQ(memkind_create_on_nodes(nullptr, MEMKIND_PLACEMENT_BIND, nullptr, &kind),
              MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_create_on_nodes("0", MEMKIND_PLACEMENT_BIND, nullptr, nullptr), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_create_on_nodes("0", MEMKIND_PLACEMENT_BIND, &fine, &kind), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_create_on_nodes("0", weighted, nullptr, &kind), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_create_on_nodes("0", weighted, &none, &kind), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_create_on_nodes("0", weighted, &too_large, &kind), MEMKIND_ERROR_INVALID);
    for (const int placement : {-1, 5, 1000})
        EXPECT_EQ(memkind_create_on_nodes("0", static_cast<memkind_placement_t>(placement), nullptr, &kind),
                  MEMKIND_ERROR_INVALID);
    EXPECT_EQ(kind, nullptr);
    EXPECT_EQ(memkind_create_on_nodes("0", weighted, &fine, &kind), MEMKIND_SUCCESS);
}

TEST(Nodes, AreNoneWhereTheProcessDecides) {
    Mask mask;
    std::memset(mask.words, 0xff, sizeof mask.words);
    EXPECT_EQ(memkind_get_nodes(MEMKIND_DEFAULT, mask.words, kMostNodes), MEMKIND_SUCCESS);
    EXPECT_TRUE(mask.empty());
    const terrace::tests::TemporaryDirectory directory;
    memkind_t file = nullptr;
    ASSERT_EQ(memkind_create_pmem(directory.path(), 0, &file), MEMKIND_SUCCESS);
    std::memset(mask.words, 0xff, sizeof mask.words);
    EXPECT_EQ(memkind_get_nodes(file, mask.words, kMostNodes), MEMKIND_SUCCESS);
    EXPECT_TRUE(mask.empty());
    memkind_destroy_kind(file);
}

TEST(Nodes, AreWrittenToTheMasksLengthOnly) {
    unsigned long mask[2] = {~0UL, ~0UL};
    ASSERT_EQ(memkind_get_nodes(MEMKIND_REGULAR, mask, 64), MEMKIND_SUCCESS);
    EXPECT_NE(mask[0], 0UL);
    EXPECT_EQ(mask[1], ~0UL);
    EXPECT_EQ(memkind_get_nodes(MEMKIND_DEFAULT, nullptr, 0), MEMKIND_SUCCESS);
    EXPECT_EQ(memkind_get_nodes(MEMKIND_REGULAR, nullptr, 0), MEMKIND_ERROR_INVALID)
        << "no bit for its nodes";
    EXPECT_EQ(memkind_get_nodes(MEMKIND_REGULAR, nullptr, 64), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_get_nodes(nullptr, mask, 64), MEMKIND_ERROR_INVALID);
}

// ---- directories ----

TEST(DaxPath, IsNoneOnTmpfs) {
    const terrace::tests::TemporaryDirectory tmpfs;
    errno = 0;
    EXPECT_EQ(memkind_check_dax_path(tmpfs.path()), MEMKIND_ERROR_MMAP);
    EXPECT_EQ(errno, EOPNOTSUPP);
}

TEST(DaxPath, LeavesNothingBehind) {
    const terrace::tests::TemporaryDirectory disk(terrace::tests::TemporaryDirectory::Where::kDisk);
    const unsigned before = open_files();
    const int result = memkind_check_dax_path(disk.path());
    EXPECT_TRUE(result == MEMKIND_ERROR_MMAP || result == MEMKIND_SUCCESS) << result;
    EXPECT_EQ(open_files(), before);
    EXPECT_TRUE(std::filesystem::is_empty(disk.path()));
}

TEST(DaxPath, MustBeADirectory) {
    errno = 0;
    EXPECT_EQ(memkind_check_dax_path("/no/such/directory"), MEMKIND_ERROR_RUNTIME);
    EXPECT_EQ(errno, ENOENT);
    EXPECT_EQ(memkind_check_dax_path("/dev/null"), MEMKIND_ERROR_RUNTIME);
    EXPECT_EQ(memkind_check_dax_path(""), MEMKIND_ERROR_RUNTIME);
    EXPECT_EQ(memkind_check_dax_path(std::string(100000, 'x').c_str()), MEMKIND_ERROR_RUNTIME);
    EXPECT_EQ(memkind_check_dax_path(nullptr), MEMKIND_ERROR_INVALID);
}

// ---- error texts ----

TEST(ErrorTexts, AreMemkinds) {
    const struct {
        int error;
        const char* text;
    } texts[] = {
        {MEMKIND_ERROR_UNAVAILABLE, "Requested memory kind is not available"},
        {MEMKIND_ERROR_MBIND, "Call to mbind() failed"},
        {MEMKIND_ERROR_MMAP, "Call to mmap() failed"},
        {MEMKIND_ERROR_MALLOC, "Call to malloc() failed"},
        {MEMKIND_ERROR_ENVIRON, "Error parsing environment variable (MEMKIND_*)"},
        {MEMKIND_ERROR_INVALID, "Invalid input arguments to memkind routine"},
        {MEMKIND_ERROR_TOOMANY, "Attempted to initialize more than maximum (512) number of kinds"},
        {MEMKIND_ERROR_BADOPS, "memkind_ops structure is poorly formed (missing or incorrect functions)"},
        {MEMKIND_ERROR_HUGETLB, "unable to allocate huge pages"},
        {MEMKIND_ERROR_MEMTYPE_NOT_AVAILABLE, "Requested memory type is not available"},
        {MEMKIND_ERROR_OPERATION_FAILED, "Operation failed"},
        {MEMKIND_ERROR_ARENAS_CREATE, "Call to jemalloc's arenas.create () failed"},
        {MEMKIND_ERROR_RUNTIME, "Unspecified run-time error"},
        {EINVAL, "Alignment must be a power of two and larger than sizeof(void *)"},
        {ENOMEM, "Call to jemk_mallocx() failed"},
        {MEMKIND_SUCCESS, "Undefined error number: 0"},
        {-4, "Undefined error number: -4"},
        {EPERM, "Undefined error number: 1"},
    };
    for (const auto& each : texts) {
        char message[MEMKIND_ERROR_MESSAGE_SIZE];
        memkind_error_message(each.error, message, sizeof message);
        EXPECT_EQ(message, std::string("<memkind> ") + each.text);
    }
}

}  // namespace
