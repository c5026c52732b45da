// Kinds over a file: creation, limits, full disks, blocks that come back, destruction.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <memkind.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/temporary_directory.hpp"

namespace {

using terrace::tests::TemporaryDirectory;
constexpr std::size_t kMiB = std::size_t{1} << 20;

std::size_t open_files() {
    std::size_t count = 0;
    DIR* const directory = opendir("/proc/self/fd");
    while (readdir(directory) != nullptr)
        ++count;
    closedir(directory);
    return count;
}

std::size_t fill(memkind_t kind, std::size_t size, std::vector<void*>& blocks) {
    std::size_t total = 0;
    while (void* const block = memkind_malloc(kind, size)) {
        std::memset(block, 1, size);
        blocks.push_back(block);
        total += size;
    }
    return total;
}

TEST(FileKind, RefusesBadArgumentsAndSaysWhy) {
    TemporaryDirectory directory;
    memkind_t kind = MEMKIND_DEFAULT;
    const auto refused = [&](const char* path, std::size_t size, int expected_errno) {
        errno = 0;
        EXPECT_EQ(memkind_create_pmem(path, size, &kind), MEMKIND_ERROR_INVALID) << (path ? path : "NULL");
        EXPECT_EQ(errno, expected_errno) << std::strerror(errno);
        EXPECT_EQ(kind, MEMKIND_DEFAULT) << "*kind is left alone";
    };
    refused("/no/such/directory", 0, ENOENT);
    refused("", 0, ENOENT);
    refused(nullptr, 0, EINVAL);
    refused("/dev/null", 0, ENOTDIR);
    refused(std::string(5000, 'x').c_str(), 0, ENAMETOOLONG);
    refused(directory.path(), 1, EINVAL);
    refused(directory.path(), MEMKIND_PMEM_MIN_SIZE - 1, EINVAL);
    EXPECT_EQ(memkind_create_pmem(directory.path(), 0, nullptr), MEMKIND_ERROR_INVALID);
}

TEST(FileKind, RefusesADirectoryWithoutPermission) {
    TemporaryDirectory directory;
    if (geteuid() == 0) {
        ASSERT_EQ(chmod(directory.path(), 0555), 0);
        const pid_t child = fork();
        if (child == 0) {
            memkind_t kind;
            if (setresuid(65534, 65534, 65534) != 0)
                _exit(2);
            _exit(memkind_create_pmem(directory.path(), 0, &kind) == MEMKIND_ERROR_INVALID && errno == EACCES
                      ? 0
                      : 1);
        }
        int status = -1;
        waitpid(child, &status, 0);
        EXPECT_EQ(status, 0);
    } else {
        ASSERT_EQ(chmod(directory.path(), 0555), 0);
        memkind_t kind;
        EXPECT_EQ(memkind_create_pmem(directory.path(), 0, &kind), MEMKIND_ERROR_INVALID);
        EXPECT_EQ(errno, EACCES);
    }
}

TEST(FileKind, LeavesNoNameAndNoFileBehind) {
    TemporaryDirectory directory(TemporaryDirectory::Where::kDisk);
    const std::size_t files_before = open_files();
    memkind_t kind;
    ASSERT_EQ(memkind_create_pmem(directory.path(), 0, &kind), MEMKIND_SUCCESS);
    void* const memory = memkind_malloc(kind, 10 * kMiB);
    ASSERT_NE(memory, nullptr);
    EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
    EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
    EXPECT_EQ(open_files(), files_before);
}

TEST(FileKind, LivesInTheFile) {
    TemporaryDirectory directory(TemporaryDirectory::Where::kDisk);
    memkind_t kind;
    ASSERT_EQ(memkind_create_pmem(directory.path(), 0, &kind), MEMKIND_SUCCESS);
    const void* const memory = memkind_malloc(kind, 1000);
    std::ifstream maps("/proc/self/maps");
    std::string line;
    std::string mapping = "none";
    while (std::getline(maps, line)) {
        const auto begin = std::stoul(line, nullptr, 16);
        const auto end = std::stoul(line.substr(line.find('-') + 1), nullptr, 16);
        if (begin <= reinterpret_cast<std::uintptr_t>(memory) &&
            reinterpret_cast<std::uintptr_t>(memory) < end)
            mapping = line;
    }
    EXPECT_NE(mapping.find(directory.path()), std::string::npos) << mapping;
    memkind_destroy_kind(kind);
}

TEST(FileKind, KeepsItsLimitAndUsesIt) {
    TemporaryDirectory directory;
    struct Use {
        std::size_t block;
        // jemalloc's size class for 1,000,000 is 1 MiB and a page: three in each 4 MiB of growth
        std::size_t least;
    };
    for (const auto& [size, least] : {Use{64, 30 * kMiB}, Use{5000, 30 * kMiB}, Use{1'000'000, 20 * kMiB}}) {
        memkind_t kind;
        ASSERT_EQ(memkind_create_pmem(directory.path(), 32 * kMiB, &kind), MEMKIND_SUCCESS);
        std::vector<void*> blocks;
        errno = 0;
        const std::size_t total = fill(kind, size, blocks);
        EXPECT_EQ(errno, ENOMEM);
        EXPECT_LE(total, 32 * kMiB);
        EXPECT_GT(total, least) << "too little of the limit can be used by blocks of " << size;
        for (void* const block : blocks)
            memkind_free(kind, block);
        blocks.clear();
        EXPECT_GT(fill(kind, size, blocks), least) << "freed memory cannot be used again";
        memkind_destroy_kind(kind);
    }
}

TEST(FileKind, TakesAnyLimitFromTheMinimumOnAndSizeMaxForNone) {
    TemporaryDirectory directory;
    for (const std::size_t limit :
         {std::size_t{MEMKIND_PMEM_MIN_SIZE}, MEMKIND_PMEM_MIN_SIZE + std::size_t{1}, SIZE_MAX / 2,
          SIZE_MAX - 1, SIZE_MAX}) {
        memkind_t kind;
        ASSERT_EQ(memkind_create_pmem(directory.path(), limit, &kind), MEMKIND_SUCCESS) << limit;
        EXPECT_NE(memkind_malloc(kind, kMiB), nullptr);
        memkind_destroy_kind(kind);
    }
}

// The descriptor of the kind's unnamed file: the only one open in this directory.
int descriptor_in(const TemporaryDirectory& directory) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code ignored;
        if (std::filesystem::read_symlink(entry.path(), ignored).string().rfind(directory.path(), 0) == 0)
            return std::stoi(entry.path().filename());
    }
    return -1;
}

// The bytes that this file takes on its file system.
std::size_t bytes_of_file_in(const TemporaryDirectory& directory) {
    struct stat status;
    if (fstat(descriptor_in(directory), &status) == 0)
        return static_cast<std::size_t>(status.st_blocks) * 512;
    ADD_FAILURE() << "no open file in " << directory.path();
    return 0;
}

TEST(FileKind, FreedExtentsGiveTheirBlocksBack) {
    TemporaryDirectory directory;
    memkind_t kind;
    ASSERT_EQ(memkind_create_pmem(directory.path(), 0, &kind), MEMKIND_SUCCESS);
    std::vector<void*> blocks;
    for (int i = 0; i < 64; ++i) {
        blocks.push_back(memkind_malloc(kind, 4 * kMiB));
        ASSERT_NE(blocks.back(), nullptr);
        std::memset(blocks.back(), 1, 4 * kMiB);
    }
    EXPECT_GE(bytes_of_file_in(directory), 256 * kMiB);
    for (void* const block : blocks)
        memkind_free(kind, block);
    // Dirty extents decay within ten seconds of activity; a new round of allocations drives the clock.
    for (int round = 0; round < 200 && bytes_of_file_in(directory) > 64 * kMiB; ++round) {
        for (int i = 0; i < 2000; ++i)
            memkind_free(kind, memkind_malloc(kind, 100'000));
        usleep(100'000);
    }
    EXPECT_LE(bytes_of_file_in(directory), 64 * kMiB) << "the file kept its blocks";
    memkind_destroy_kind(kind);
}

TEST(FileKind, AFullFileSystemIsEnomemAndNeverACrash) {
    TemporaryDirectory directory;
    if (mount("tmpfs", directory.path(), "tmpfs", 0, "size=24m") != 0)
        GTEST_SKIP() << "a small file system cannot be mounted here: " << std::strerror(errno);
    memkind_t kind;
    ASSERT_EQ(memkind_create_pmem(directory.path(), 0, &kind), MEMKIND_SUCCESS);
    std::vector<void*> blocks;
    errno = 0;
    EXPECT_GT(fill(kind, 100'000, blocks), 16 * kMiB);
    EXPECT_EQ(errno, ENOMEM);
    memkind_destroy_kind(kind);
    EXPECT_EQ(umount(directory.path()), 0);
}

TEST(FileKind, KeepsItsDescriptorOutOfTheProgramsWay) {
    TemporaryDirectory directory;
    memkind_t kind;
    ASSERT_EQ(memkind_create_pmem(directory.path(), 0, &kind), MEMKIND_SUCCESS);
    EXPECT_GT(descriptor_in(directory), 9);
    memkind_destroy_kind(kind);
}

// What closefrom and a shell's `exec 3>file` do to a library's descriptors.
TEST(FileKind, LeavesTheProgramsFileAloneThatTookItsDescriptor) {
    TemporaryDirectory directory;
    TemporaryDirectory elsewhere;
    memkind_t kind;
    ASSERT_EQ(memkind_create_pmem(directory.path(), 0, &kind), MEMKIND_SUCCESS);
    auto* const before = static_cast<char*>(memkind_malloc(kind, 8 * kMiB));
    std::memset(before, 'b', 8 * kMiB);

    const int number = descriptor_in(directory);
    const int users = open(elsewhere.file("users").c_str(), O_RDWR | O_CREAT, 0600);
    ASSERT_EQ(write(users, "users", 5), 5);
    ASSERT_EQ(dup2(users, number), number);

    auto* const after = static_cast<char*>(memkind_malloc(kind, 8 * kMiB));
    ASSERT_NE(after, nullptr);
    std::memset(after, 'a', 8 * kMiB);
    const pid_t child = fork();
    if (child == 0) {
        const bool same = before[kMiB] == 'b' && after[kMiB] == 'a';
        std::memset(before, 'c', 8 * kMiB);
        std::memset(after, 'c', 8 * kMiB);
        _exit(same ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(before[kMiB], 'b') << "the child wrote into the parent's memory";
    EXPECT_EQ(after[kMiB], 'a');
    memkind_free(kind, before);
    memkind_free(kind, after);
    for (int i = 0; i < 20; ++i)
        memkind_free(kind, memkind_calloc(kind, 1, 8 * kMiB));
    EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);

    struct stat file;
    ASSERT_EQ(fstat(number, &file), 0) << "the program's descriptor was closed";
    EXPECT_EQ(file.st_size, 5) << "the heap went into the program's file";
    close(number);
    close(users);
}

TEST(FileKind, BeyondTheFileSizeLimitIsEnomemAndNoSignal) {
    TemporaryDirectory directory;
    const pid_t child = fork();
    if (child == 0) {
        memkind_t kind;
        const rlimit limit = {1 << 20, 1 << 20};
        if (memkind_create_pmem(directory.path(), 0, &kind) != MEMKIND_SUCCESS ||
            setrlimit(RLIMIT_FSIZE, &limit) != 0)
            _exit(2);
        _exit(memkind_malloc(kind, 8 * kMiB) == nullptr && errno == ENOMEM ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
}

TEST(FileKind, StaysInItsDirectoryWhenTheProgramMovesOn) {
    TemporaryDirectory directory;
    const pid_t child = fork();
    if (child == 0) {
        memkind_t kind;
        if (chdir(directory.path()) != 0 || memkind_create_pmem(".", 0, &kind) != MEMKIND_SUCCESS ||
            chdir("/") != 0)
            _exit(2);
        memkind_malloc(kind, 100);
        if (fork() == 0) {
            memkind_malloc(kind, 8 * kMiB);
            _exit(descriptor_in(directory) >= 0 ? 0 : 1);
        }
        int status = -1;
        wait(&status);
        _exit(status == 0 ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
}

TEST(FileKind, ManyKindsComeAndGo) {
    TemporaryDirectory directory;
    for (int round = 0; round < 3; ++round) {
        std::vector<memkind_t> kinds;
        memkind_t kind;
        int result;
        while ((result = memkind_create_pmem(directory.path(), 16 * kMiB, &kind)) == MEMKIND_SUCCESS) {
            kinds.push_back(kind);
            void* const memory = memkind_malloc(kind, 100);
            ASSERT_NE(memory, nullptr) << kinds.size();
            ASSERT_EQ(memkind_detect_kind(memory), kind);
        }
        EXPECT_EQ(result, MEMKIND_ERROR_TOOMANY);
        EXPECT_GT(kinds.size(), 500U);
        for (memkind_t const made : kinds)
            ASSERT_EQ(memkind_destroy_kind(made), MEMKIND_SUCCESS);
    }
}

TEST(FileKind, DestroyedMemoryIsNobodys) {
    TemporaryDirectory directory;
    memkind_t kind;
    ASSERT_EQ(memkind_create_pmem(directory.path(), 0, &kind), MEMKIND_SUCCESS);
    void* const memory = memkind_malloc(kind, 1000);
    ASSERT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
    EXPECT_EQ(memkind_detect_kind(memory), nullptr);
    memkind_free(nullptr, memory);
    EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_ERROR_INVALID);
}

}  // namespace
