// Faults of memkind's file kinds: sizes that were rounded or wrapped, kinds and descriptors that leaked, file
// systems without holes, descriptors that somebody closed.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/falloc.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <memkind.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/kinds/faults_fixture.hpp"
#include "tests/support/child_process.hpp"

namespace {

using namespace terrace::tests;

std::size_t open_descriptors() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd"))
        ++count;
    return count;
}

// The descriptors of files in this directory.
std::vector<int> descriptors_in(const std::string& directory) {
    std::vector<int> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code ignored;
        if (std::filesystem::read_symlink(entry.path(), ignored).string().rfind(directory, 0) == 0)
            found.push_back(std::stoi(entry.path().filename()));
    }
    return found;
}

std::size_t bytes_of_files_in(const std::string& directory) {
    std::size_t bytes = 0;
    for (const int descriptor : descriptors_in(directory)) {
        struct stat status;
        if (fstat(descriptor, &status) == 0)
            bytes += static_cast<std::size_t>(status.st_blocks) * 512;
    }
    return bytes;
}

// ---- limits ----

TEST(FileKindLimits, BelowTheMinimumAreRefused) {
    const TemporaryDirectory directory;
    for (const std::size_t limit : {std::size_t{1}, std::size_t{4096}, kMiB, 2 * kMiB, 16 * kMiB - 4096,
                                    std::size_t{MEMKIND_PMEM_MIN_SIZE - 1}}) {
        memkind_t kind = MEMKIND_REGULAR;
        EXPECT_EQ(memkind_create_pmem(directory.path(), limit, &kind), MEMKIND_ERROR_INVALID) << limit;
        EXPECT_EQ(kind, MEMKIND_REGULAR);
    }
}

TEST(FileKindLimits, AreRoundedUpToTwoMebibytes) {
    const TemporaryDirectory directory;
    const struct {
        std::size_t asked, capacity;
    } limits[] = {{16 * kMiB, 16 * kMiB},
                  {16 * kMiB + 1, 18 * kMiB},
                  {16 * kMiB + 4096, 18 * kMiB},
                  {18 * kMiB, 18 * kMiB},
                  {100 * kMiB - 1, 100 * kMiB}};
    for (const auto& [asked, capacity] : limits) {
        memkind_t kind;
        ASSERT_EQ(memkind_create_pmem(directory.path(), asked, &kind), MEMKIND_SUCCESS);
        EXPECT_EQ(memkind_get_capacity(kind), static_cast<ssize_t>(capacity)) << asked;
        memkind_destroy_kind(kind);
    }
}

TEST(FileKindLimits, OfZeroAndSizeMaxAreTheFileSystem) {
    const TemporaryDirectory directory;
    struct statvfs system;
    ASSERT_EQ(statvfs(directory.path(), &system), 0);
    const auto total = static_cast<ssize_t>(system.f_blocks * system.f_frsize);
    for (const std::size_t limit : {std::size_t{0}, SIZE_MAX}) {
        memkind_t kind;
        ASSERT_EQ(memkind_create_pmem(directory.path(), limit, &kind), MEMKIND_SUCCESS) << limit;
        EXPECT_EQ(memkind_get_capacity(kind), total) << limit;
        EXPECT_NE(memkind_malloc(kind, 32 * kMiB), nullptr);
        memkind_destroy_kind(kind);
    }
}

// ---- kinds that must not leak ----

TEST(FileKindConfig, ThatIsWrongLeaksNeitherKindsNorDescriptors) {
    const TemporaryDirectory directory;
    const std::size_t descriptors = open_descriptors();
    struct memkind_config* const config = memkind_config_new();
    ASSERT_NE(config, nullptr);
    for (int i = 0; i < 20'000; ++i) {
        memkind_t kind = MEMKIND_REGULAR;
        memkind_config_set_path(config, i % 4 == 1 ? "/no/such/directory" : directory.path());
        memkind_config_set_size(config, i % 4 == 2 ? 4096 : 32 * kMiB);
        memkind_config_set_memory_usage_policy(config, i % 4 == 0   ? MEMKIND_MEM_USAGE_POLICY_MAX_VALUE
                                                       : i % 4 == 3 ? static_cast<memkind_mem_usage_policy>(3)
                                                                    : MEMKIND_MEM_USAGE_POLICY_DEFAULT);
        ASSERT_EQ(memkind_create_pmem_with_config(config, &kind), MEMKIND_ERROR_INVALID) << i;
        ASSERT_EQ(kind, MEMKIND_REGULAR);
    }
    EXPECT_EQ(open_descriptors(), descriptors);
    memkind_config_set_path(config, directory.path());
    memkind_config_set_size(config, 32 * kMiB);
    memkind_config_set_memory_usage_policy(config, MEMKIND_MEM_USAGE_POLICY_CONSERVATIVE);
    memkind_t kind;
    ASSERT_EQ(memkind_create_pmem_with_config(config, &kind), MEMKIND_SUCCESS)
        << "the failed ones still take the kinds' slots";
    memkind_config_delete(config);
    EXPECT_EQ(memkind_get_capacity(kind), static_cast<ssize_t>(32 * kMiB));
    EXPECT_NE(memkind_malloc(kind, 100), nullptr);
    EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
}

TEST(FileKindConfig, StartsWithoutADirectory) {
    struct memkind_config* const config = memkind_config_new();
    memkind_t kind = MEMKIND_REGULAR;
    EXPECT_EQ(memkind_create_pmem_with_config(config, &kind), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(kind, MEMKIND_REGULAR);
    EXPECT_EQ(memkind_create_pmem_with_config(config, nullptr), MEMKIND_ERROR_INVALID);
    memkind_config_delete(config);
}

TEST(FileKindConfig, ConservativeGivesMemoryBackAtOnce) {
    const TemporaryDirectory directory;
    struct memkind_config* const config = memkind_config_new();
    memkind_config_set_path(config, directory.path());
    memkind_config_set_size(config, 0);
    memkind_config_set_memory_usage_policy(config, MEMKIND_MEM_USAGE_POLICY_CONSERVATIVE);
    memkind_t kind;
    ASSERT_EQ(memkind_create_pmem_with_config(config, &kind), MEMKIND_SUCCESS);
    memkind_config_delete(config);
    std::vector<void*> blocks;
    for (std::size_t total = 0; total < 64 * kMiB; total += 100'000) {
        blocks.push_back(memkind_malloc(kind, 100'000));
        ASSERT_NE(blocks.back(), nullptr);
        std::memset(blocks.back(), 1, 100'000);
    }
    EXPECT_GE(bytes_of_files_in(directory.path()), 64 * kMiB);
    for (void* const block : blocks)
        memkind_free(kind, block);
    EXPECT_LE(bytes_of_files_in(directory.path()), 8 * kMiB);
    memkind_destroy_kind(kind);
}

TEST(FileKindLife, DestroyingTwiceIsAnError) {
    const TemporaryDirectory directory;
    memkind_t kind;
    memkind_t other;
    ASSERT_EQ(memkind_create_pmem(directory.path(), 0, &kind), MEMKIND_SUCCESS);
    ASSERT_EQ(memkind_create_pmem(directory.path(), 0, &other), MEMKIND_SUCCESS);
    void* const block = memkind_malloc(other, 1000);
    std::memset(block, 'o', 1000);
    EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
    EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_ERROR_INVALID);
    EXPECT_EQ(memkind_detect_kind(block), other) << "the other kind was hit";
    EXPECT_EQ(static_cast<char*>(block)[999], 'o');
    EXPECT_EQ(memkind_destroy_kind(other), MEMKIND_SUCCESS);
}

TEST(FileKindLife, StaticKindsCannotBeDestroyed) {
    auto* const block = static_cast<char*>(memkind_malloc(MEMKIND_REGULAR, 100));
    block[0] = 'r';
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(memkind_destroy_kind(MEMKIND_REGULAR), MEMKIND_SUCCESS);
    EXPECT_EQ(block[0], 'r');
    EXPECT_EQ(memkind_detect_kind(block), MEMKIND_REGULAR);
    memkind_free(MEMKIND_REGULAR, block);
}

TEST(FileKindLife, GivesItsDescriptorsBack) {
    const TemporaryDirectory directory;
    const std::size_t descriptors = open_descriptors();
    for (int i = 0; i < 300; ++i) {
        memkind_t kind;
        ASSERT_EQ(memkind_create_pmem(directory.path(), 0, &kind), MEMKIND_SUCCESS);
        ASSERT_NE(memkind_malloc(kind, 100'000), nullptr);
        ASSERT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
    }
    EXPECT_EQ(open_descriptors(), descriptors);
}

// ---- file systems that cannot punch holes ----

// From now on this process cannot punch holes: neither by fallocate nor by MADV_REMOVE.
bool forbid_holes() {
#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
    const struct sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EOPNOTSUPP);
    const struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_filter filter[] = {
        LOAD(nr),      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fallocate, 0, 3),
        LOAD(args[1]), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, FALLOC_FL_PUNCH_HOLE, 0, 4),
        refuse,        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 2),
        LOAD(args[2]), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MADV_REMOVE, 1, 0),
        allow,         refuse,
    };
#undef LOAD
    const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// Uses and frees much of a file kind, in blocks of each size; what calloc returns then must be zero although
// the old contents cannot have been punched away.
bool zeroes_after_use(const char* directory) {
    memkind_t kind;
    if (memkind_create_pmem(directory, 0, &kind) != MEMKIND_SUCCESS)
        return false;
    bool good = true;
    for (int round = 0; round < 3; ++round)
        for (const std::size_t size : {std::size_t{200}, std::size_t{6000}, std::size_t{100'000}, 5 * kMiB}) {
            std::vector<void*> blocks;
            for (std::size_t total = 0; total < 20 * kMiB; total += size) {
                blocks.push_back(memkind_malloc(kind, size));
                if (blocks.back() == nullptr)
                    return false;
                std::memset(blocks.back(), 0xff, size);
            }
            for (void* const block : blocks)
                memkind_free(kind, block);
            memkind_trim(kind);
            for (void*& block : blocks) {
                block = memkind_calloc(kind, 1, size);
                if (block == nullptr)
                    return false;
                for (std::size_t i = 0; i < size; ++i)
                    good = good && static_cast<const char*>(block)[i] == 0;
            }
            for (void* const block : blocks)
                memkind_free(kind, block);
        }
    return memkind_destroy_kind(kind) == MEMKIND_SUCCESS && good;
}

TEST(FileSystemsWithoutHoles, AreGoodEnoughAndCallocIsZero) {
    for (const auto where : {TemporaryDirectory::Where::kTmpfs, TemporaryDirectory::Where::kDisk}) {
        const TemporaryDirectory directory(where);
        EXPECT_EQ(run_in_child([&] {
                      if (!forbid_holes()) {
                          std::fprintf(stderr, "no seccomp filter can be set here\n");
                          return false;
                      }
                      return zeroes_after_use(directory.path());
                  }),
                  0)
            << directory.path();
    }
}

// Small file systems of other makes, as far as this machine can make and mount them.
class OtherFileSystems : public testing::TestWithParam<const char*> {};

TEST_P(OtherFileSystems, AreGoodEnoughAndCallocIsZero) {
    if (geteuid() != 0)
        GTEST_SKIP() << "a file system can only be mounted by root";
    const TemporaryDirectory directory(TemporaryDirectory::Where::kDisk);
    const std::string image = directory.file("image");
    const std::string mounted = directory.file("mounted");
    ASSERT_EQ(mkdir(mounted.c_str(), 0700), 0);
    if (std::system(("(truncate -s 160M '" + image + "' && PATH=$PATH:/usr/sbin:/sbin mkfs." + GetParam() +
                     " '" + image + "' && mount -t " + GetParam() + " -o loop '" + image + "' '" + mounted +
                     "') >/dev/null 2>&1 </dev/null")
                        .c_str()) != 0)
        GTEST_SKIP() << "no " << GetParam() << " can be made and mounted here";
    EXPECT_EQ(run_in_child([&] { return zeroes_after_use(mounted.c_str()); }), 0);
    EXPECT_EQ(umount(mounted.c_str()), 0);
}

INSTANTIATE_TEST_SUITE_P(Makes, OtherFileSystems, testing::Values("ext2", "vfat", "xfs", "btrfs"),
                         [](const auto& tested) { return std::string(tested.param); });

// ---- descriptors that somebody closed ----

TEST(FileKindDescriptor, ClosedByTheProgramIsNoCrash) {
    const TemporaryDirectory directory;
    EXPECT_EQ(run_in_child([&] {
                  memkind_t kind;
                  if (memkind_create_pmem(directory.path(), 0, &kind) != MEMKIND_SUCCESS)
                      return false;
                  auto* const before = static_cast<char*>(memkind_malloc(kind, 4 * kMiB));
                  std::memset(before, 'b', 4 * kMiB);
                  for (const int descriptor : descriptors_in(directory.path()))
                      close(descriptor);
                  for (int i = 0; i < 50; ++i) {
                      errno = 0;
                      void* const block = memkind_malloc(kind, kMiB);
                      if (block == nullptr && errno != ENOMEM)
                          return false;
                      if (block != nullptr)
                          std::memset(block, 'a', kMiB);
                      if (i % 2 == 0)
                          memkind_free(kind, block);
                  }
                  memkind_trim(kind);
                  const int child = run_in_child([&] {
                      const bool same = before[0] == 'b' && before[4 * kMiB - 1] == 'b';
                      std::memset(before, 'c', 4 * kMiB);
                      return same && (memkind_free(kind, before), true);
                  });
                  if (child != 0 || before[kMiB] != 'b')
                      return false;
                  memkind_free(kind, before);
                  return memkind_destroy_kind(kind) == MEMKIND_SUCCESS;
              }),
              0);
}

// ---- fork ----

class FaultsOfFork : public EverySortOfKind {};
TERRACE_ON_EVERY_SORT_OF_KIND(FaultsOfFork);

TEST_P(FaultsOfFork, NeitherSeesWhatTheOtherWrites) {
    std::vector<std::pair<char*, std::size_t>> blocks;
    for (const std::size_t size : {std::size_t{64}, std::size_t{5000}, std::size_t{100'000}, 6 * kMiB}) {
        blocks.emplace_back(static_cast<char*>(memkind_malloc(kind_, size)), size);
        std::memset(blocks.back().first, 'p', size);
    }
    int to_child[2];
    int to_parent[2];
    ASSERT_EQ(pipe(to_child), 0);
    ASSERT_EQ(pipe(to_parent), 0);
    const pid_t child = fork();
    const auto all_are = [&](char expected) {
        for (const auto& [block, size] : blocks)
            for (std::size_t i = 0; i < size; i += 61)
                if (block[i] != expected)
                    return false;
        return true;
    };
    const auto write_all = [&](char with) {
        for (const auto& [block, size] : blocks)
            std::memset(block, with, size);
    };
    char byte = 0;
    if (child == 0) {
        const bool snapshot = all_are('p');
        write_all('c');
        bool good = write(to_parent[1], "w", 1) == 1 && read(to_child[0], &byte, 1) == 1;
        good = good && all_are('c');
        for (const auto& [block, size] : blocks)
            memkind_free(kind_, block);
        for (int i = 0; i < 1000; ++i) {
            void* const block = memkind_malloc(kind_, 64);
            good = good && block != nullptr;
            std::memset(block, 'n', 64);
        }
        _exit(snapshot && good ? 0 : 1);
    }
    ASSERT_EQ(read(to_parent[0], &byte, 1), 1);
    EXPECT_TRUE(all_are('p')) << "the child wrote into the parent's memory";
    write_all('q');
    ASSERT_EQ(write(to_child[1], "w", 1), 1);
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0) << "the parent wrote into the child's memory";
    EXPECT_TRUE(all_are('q'));
    for (const auto& [block, size] : blocks)
        memkind_free(kind_, block);
    for (const int descriptor : {to_child[0], to_child[1], to_parent[0], to_parent[1]})
        close(descriptor);
}

}  // namespace
