// libpmem.h: mapping files, their errors, and making stores durable. On this machine's file systems, which
// have no MAP_SYNC; DAX is the lab's to test. Written against the public header only.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <libpmem.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

namespace {

class AMappedFile : public testing::Test {
  protected:
    AMappedFile() : path_(testing::TempDir() + "terrace-libpmem-" + std::to_string(getpid())) {
        unlink(path_.c_str());
    }
    ~AMappedFile() override { unlink(path_.c_str()); }

    char* map(std::size_t length, int flags, mode_t mode = 0600) {
        mapped = 77;
        is_pmem = 77;
        return static_cast<char*>(pmem_map_file(path_.c_str(), length, flags, mode, &mapped, &is_pmem));
    }
    // The file's length; -1 if there is no file.
    long long length() const {
        struct stat file = {};
        return stat(path_.c_str(), &file) == 0 ? static_cast<long long>(file.st_size) : -1;
    }
    void expect_refused(std::size_t length, int flags, int error) {
        EXPECT_EQ(map(length, flags), nullptr);
        EXPECT_EQ(errno, error) << "length " << length << " flags " << flags;
        EXPECT_STRNE(pmem_errormsg(), "");
        EXPECT_EQ(mapped, 77U) << "a failure must not store a length";
        EXPECT_EQ(is_pmem, 77) << "a failure must not store is_pmem";
    }

    std::string path_;
    std::size_t mapped = 0;
    int is_pmem = 0;
};

TEST_F(AMappedFile, IsMadeWrittenAndReadAgain) {
    char* address = map(5000, PMEM_FILE_CREATE);
    ASSERT_NE(address, nullptr) << pmem_errormsg();
    EXPECT_EQ(mapped, 5000U);
    EXPECT_EQ(length(), 5000);
    strcpy(address + 4990, "kept");
    EXPECT_EQ(pmem_msync(address + 4990, 5), 0);
    EXPECT_EQ(pmem_unmap(address, mapped), 0);

    address = map(0, 0);
    ASSERT_NE(address, nullptr) << pmem_errormsg();
    EXPECT_EQ(mapped, 5000U);
    EXPECT_STREQ(address + 4990, "kept");
    EXPECT_EQ(pmem_unmap(address, mapped), 0);
}

TEST_F(AMappedFile, GetsTheLengthAskedFor) {
    for (const std::size_t wanted : {std::size_t{3000000}, std::size_t{100}, std::size_t{9000}}) {
        char* const address = map(wanted, PMEM_FILE_CREATE | PMEM_FILE_SPARSE);
        ASSERT_NE(address, nullptr) << pmem_errormsg();
        EXPECT_EQ(mapped, wanted);
        EXPECT_EQ(length(), static_cast<long long>(wanted));
        pmem_unmap(address, mapped);
    }
}

TEST_F(AMappedFile, HasItsBlocksUnlessItMayBeSparse) {
    struct stat file = {};
    pmem_unmap(map(1 << 20, PMEM_FILE_CREATE | PMEM_FILE_SPARSE), 1 << 20);
    ASSERT_EQ(stat(path_.c_str(), &file), 0);
    EXPECT_LT(file.st_blocks * 512, 1 << 20);
    pmem_unmap(map(1 << 20, PMEM_FILE_CREATE), 1 << 20);
    ASSERT_EQ(stat(path_.c_str(), &file), 0);
    EXPECT_GE(file.st_blocks * 512, 1 << 20);
}

TEST_F(AMappedFile, WithoutANameLeavesNone) {
    for (const int exclusive : {0, PMEM_FILE_EXCL}) {
        void* const address =
            pmem_map_file(testing::TempDir().c_str(), 8192, PMEM_FILE_CREATE | PMEM_FILE_TMPFILE | exclusive,
                          0, &mapped, nullptr);
        ASSERT_NE(address, nullptr) << pmem_errormsg();
        memset(address, 'x', mapped);
        EXPECT_EQ(pmem_unmap(address, mapped), 0);
    }
}

TEST_F(AMappedFile, IsRefusedWithTheDocumentedErrors) {
    expect_refused(0, 0, ENOENT);
    expect_refused(0, PMEM_FILE_CREATE, EINVAL);
    expect_refused(4096, 0, EINVAL);
    expect_refused(0, PMEM_FILE_TMPFILE, EINVAL);
    expect_refused(0, 0x100, EINVAL);
    expect_refused(SIZE_MAX, PMEM_FILE_CREATE, EINVAL);
    EXPECT_EQ(length(), -1) << "a refused call made a file";
    EXPECT_EQ(map(std::size_t{1} << 62, PMEM_FILE_CREATE | PMEM_FILE_EXCL), nullptr);
    EXPECT_TRUE(errno == ENOSPC || errno == EFBIG) << strerror(errno);
    EXPECT_EQ(length(), -1) << "a failed call left its file behind";
    close(open(path_.c_str(), O_CREAT | O_RDWR, 0600));
    expect_refused(0, 0, EINVAL);  // empty
    expect_refused(4096, PMEM_FILE_CREATE | PMEM_FILE_EXCL, EEXIST);
    EXPECT_EQ(length(), 0);
    EXPECT_EQ(pmem_map_file(nullptr, 0, 0, 0, nullptr, nullptr), nullptr);
    EXPECT_EQ(errno, EINVAL);
}

// 2^42 bytes are more than a tmpfs has, and fewer than it takes.
constexpr std::size_t kMoreThanMemory = std::size_t{1} << 42;

TEST(AFailedCreate, TakesAwayTheFileThatItMade) {
    const std::string path = "/dev/shm/terrace-failed-create-" + std::to_string(getpid());
    unlink(path.c_str());
    for (const int exclusive : {0, PMEM_FILE_EXCL}) {
        EXPECT_EQ(pmem_map_file(path.c_str(), kMoreThanMemory, PMEM_FILE_CREATE | exclusive, 0600, nullptr,
                                nullptr),
                  nullptr);
        EXPECT_EQ(errno, ENOSPC);
        EXPECT_NE(access(path.c_str(), F_OK), 0) << "a partial file was left behind";
    }
}

TEST(AFailedCreate, GivesAFileThatWasThereItsLengthBack) {
    const std::string path = "/dev/shm/terrace-failed-create-" + std::to_string(getpid());
    const std::string link = path + "-link";
    const int file = open(path.c_str(), O_CREAT | O_RDWR, 0600);
    ASSERT_GE(file, 0);
    ASSERT_EQ(pwrite(file, "kept", 4, 4092), 4);
    ASSERT_EQ(symlink(path.c_str(), link.c_str()), 0);
    for (const std::string& name : {path, link}) {
        EXPECT_EQ(pmem_map_file(name.c_str(), kMoreThanMemory, PMEM_FILE_CREATE, 0600, nullptr, nullptr),
                  nullptr);
        EXPECT_EQ(errno, ENOSPC);
        struct stat now = {};
        ASSERT_EQ(fstat(file, &now), 0);
        EXPECT_EQ(now.st_size, 4096);
        EXPECT_EQ(access(path.c_str(), F_OK), 0);
        char content[5] = "";
        EXPECT_EQ(pread(file, content, 4, 4092), 4);
        EXPECT_STREQ(content, "kept");
    }
    close(file);
    unlink(link.c_str());
    unlink(path.c_str());
}

TEST_F(AMappedFile, ThatIsRefusedHasAMessageWithTheArgumentAndItsValue) {
    const auto expect_message = [&](std::size_t length, int flags, const char* named, const char* value) {
        EXPECT_EQ(map(length, flags), nullptr);
        EXPECT_NE(strstr(pmem_errormsg(), named), nullptr) << pmem_errormsg();
        EXPECT_NE(strstr(pmem_errormsg(), value), nullptr) << pmem_errormsg();
    };
    expect_message(0, 0, "open", path_.c_str());
    expect_message(0, 0x120, "flags", "0x120");
    expect_message(0, PMEM_FILE_TMPFILE, "flags", "0x8");
    expect_message(0, PMEM_FILE_CREATE, "length", "0");
    expect_message(12345, 0, "length", "12345");
    expect_message(SIZE_MAX, PMEM_FILE_CREATE, "bytes", "18446744073709551615");
    close(open(path_.c_str(), O_CREAT | O_RDWR, 0600));
    expect_message(0, 0, path_.c_str(), "0 bytes");
    expect_message(4096, PMEM_FILE_CREATE | PMEM_FILE_EXCL, path_.c_str(), "exists");
    EXPECT_EQ(pmem_unmap(reinterpret_cast<void*>(0x1234), 99), -1);
    EXPECT_NE(strstr(pmem_errormsg(), "0x1234"), nullptr) << pmem_errormsg();
    EXPECT_EQ(pmem_msync(reinterpret_cast<void*>(0x1000), 77), -1);
    EXPECT_NE(strstr(pmem_errormsg(), "77 bytes at 0x1000"), nullptr) << pmem_errormsg();
}

TEST_F(AMappedFile, IsUnmappedInWholePages) {
    char* const address = map(4 * 4096, PMEM_FILE_CREATE);
    ASSERT_NE(address, nullptr) << pmem_errormsg();
    EXPECT_EQ(pmem_unmap(address + 1, 4096), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(pmem_unmap(address, 0), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(pmem_unmap(address, 4096), 0);  // a part
    address[4096] = 'x';
    EXPECT_EQ(pmem_unmap(address + 4096, 3 * 4096), 0);
    EXPECT_EQ(pmem_msync(address, 4096), -1) << "of memory that is not mapped";
}

TEST_F(AMappedFile, OfTwoMegabytesBeginsAtAHugePage) {
    char* const address = map(3 << 20, PMEM_FILE_CREATE | PMEM_FILE_SPARSE);
    ASSERT_NE(address, nullptr) << pmem_errormsg();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(address) % (2 << 20), 0U);
    pmem_unmap(address, mapped);
}

TEST_F(AMappedFile, OfAnOrdinaryFileSystemIsNotDurableMemory) {
    char* const address = map(8192, PMEM_FILE_CREATE);
    ASSERT_NE(address, nullptr) << pmem_errormsg();
    EXPECT_EQ(is_pmem, 0);
    EXPECT_EQ(pmem_is_pmem(address, mapped), 0);
    EXPECT_EQ(pmem_is_pmem(address, 0), 0);
    EXPECT_EQ(pmem_is_pmem(address, SIZE_MAX), 0);
    pmem_unmap(address, mapped);
}

TEST_F(AMappedFile, TakesEveryCopyFlushAndDrain) {
    char* const address = map(65536, PMEM_FILE_CREATE);
    ASSERT_NE(address, nullptr) << pmem_errormsg();
    std::string text(10000, '\0');
    for (std::size_t i = 0; i < text.size(); ++i)
        text[i] = static_cast<char>('a' + i % 23);
    for (const unsigned flags : {0U, PMEM_F_MEM_NODRAIN, PMEM_F_MEM_NONTEMPORAL, PMEM_F_MEM_TEMPORAL,
                                 PMEM_F_MEM_WC, PMEM_F_MEM_WB, PMEM_F_MEM_NOFLUSH}) {
        EXPECT_EQ(pmem_memset(address, 0, 65536, flags), address);
        EXPECT_EQ(pmem_memcpy(address + 5, text.data(), text.size(), flags), address + 5);
        EXPECT_EQ(pmem_memmove(address + 77, address + 5, text.size(), flags), address + 77);
        pmem_drain();
        EXPECT_EQ(memcmp(address + 77, text.data(), text.size()), 0) << "flags " << flags;
    }
    EXPECT_EQ(pmem_memcpy_persist(address, "1", 1), address);
    EXPECT_EQ(pmem_memmove_persist(address, "1", 1), address);
    EXPECT_EQ(pmem_memset_persist(address, '1', 1), address);
    EXPECT_EQ(pmem_memcpy_nodrain(address, "2", 1), address);
    EXPECT_EQ(pmem_memmove_nodrain(address, "2", 1), address);
    EXPECT_EQ(pmem_memset_nodrain(address, '2', 1), address);
    pmem_flush(address + 3, 1000);
    pmem_drain();
    pmem_persist(address, 0);
    pmem_deep_flush(address, 65536);
    EXPECT_EQ(pmem_deep_drain(address, 65536), 0);
    EXPECT_EQ(pmem_deep_persist(address + 9, 10), 0);
    EXPECT_EQ(pmem_deep_persist(address, 0), 0);
    EXPECT_EQ(pmem_has_hw_drain(), 0);
    EXPECT_GE(pmem_has_auto_flush(), 0);
    pmem_unmap(address, mapped);
    EXPECT_EQ(pmem_deep_drain(address, 100), -1) << "of memory that is not mapped";
}

TEST(Libpmem, ServesItsOwnVersionAndOlderOnes) {
    EXPECT_EQ(pmem_check_version(PMEM_MAJOR_VERSION, PMEM_MINOR_VERSION), nullptr);
    EXPECT_EQ(pmem_check_version(PMEM_MAJOR_VERSION, 0), nullptr);
    EXPECT_NE(pmem_check_version(PMEM_MAJOR_VERSION, PMEM_MINOR_VERSION + 1), nullptr);
    EXPECT_NE(pmem_check_version(PMEM_MAJOR_VERSION + 1, 0), nullptr);
}

}  // namespace
