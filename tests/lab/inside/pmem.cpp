// Persistent memory on this machine: a file system with DAX on /mnt/pmem, a character device /dev/dax*, and for
// comparison tmpfs: who says what about it, and that pools and file kinds work there.
#include <fcntl.h>
#include <glob.h>
#include <gtest/gtest.h>
#include <libpmem.h>
#include <libpmem2.h>
#include <libpmemobj.h>
#include <memkind.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "tests/lab/inside/machine.hpp"

using namespace terrace::lab;

namespace {

constexpr const char* kFsdax = "/mnt/pmem";
constexpr const char* kTmpfs = "/dev/shm";

std::string device_dax() {
    glob_t found;
    const std::string path = glob("/dev/dax*", 0, nullptr, &found) == 0 ? found.gl_pathv[0] : "";
    globfree(&found);
    return path;
}

bool maps_with_map_sync(const std::string& directory) {
    const int file = open((directory + "/sync").c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || ftruncate(file, 2 * kMiB) != 0)
        return false;
    void* const address =
        mmap(nullptr, 2 * kMiB, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE | MAP_SYNC, file, 0);
    close(file);
    unlink((directory + "/sync").c_str());
    if (address == MAP_FAILED)
        return false;
    munmap(address, 2 * kMiB);
    return true;
}

// What libpmem2 says of a file or device: the map's granularity, or the result of a failed pmem2_map_new.
int granularity_of(int fd, pmem2_granularity required) {
    pmem2_source* source = nullptr;
    pmem2_config* config = nullptr;
    pmem2_map* map = nullptr;
    EXPECT_EQ(pmem2_source_from_fd(&source, fd), 0) << pmem2_errormsg();
    EXPECT_EQ(pmem2_config_new(&config), 0);
    pmem2_config_set_required_store_granularity(config, required);
    int result = pmem2_map_new(&map, config, source);
    if (result == 0) {
        result = pmem2_map_get_store_granularity(map);
        char* const address = static_cast<char*>(pmem2_map_get_address(map));
        pmem2_get_memset_fn(map)(address, 0x5A, 4096, 0);
        EXPECT_EQ(pmem2_deep_flush(map, address, 4096), 0) << pmem2_errormsg();
        EXPECT_EQ(pmem2_map_delete(&map), 0);
    }
    pmem2_config_delete(&config);
    pmem2_source_delete(&source);
    return result;
}

// What libpmem says of a new file there; -1 when it cannot be mapped.
int file_is_pmem(const std::string& path) {
    std::size_t length = 0;
    int is_pmem = -1;
    void* const address = pmem_map_file(path.c_str(), 2 * kMiB, PMEM_FILE_CREATE, 0600, &length, &is_pmem);
    if (address == nullptr)
        return -1;
    EXPECT_EQ(pmem_is_pmem(address, length), is_pmem);
    pmem_memset_persist(address, 0x5A, 4096);
    EXPECT_EQ(static_cast<char*>(address)[4095], 0x5A);
    pmem_unmap(address, length);
    unlink(path.c_str());
    return is_pmem;
}

void commit_and_read_back(const std::string& path) {
    PMEMobjpool* pool = pmemobj_create(path.c_str(), "lab", 32 * kMiB, 0600);
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    auto* number = static_cast<unsigned*>(pmemobj_direct(pmemobj_root(pool, sizeof(unsigned) * 1000)));
    for (unsigned i = 0; i < 100; ++i) {
        TX_BEGIN(pool) {
            pmemobj_tx_add_range_direct(number + i * 10, sizeof(unsigned) * 10);
            for (unsigned j = 0; j < 10; ++j)
                number[i * 10 + j] = i * 10 + j;
        }
        TX_END
    }
    pmemobj_close(pool);
    EXPECT_EQ(pmemobj_check(path.c_str(), "lab"), 1) << pmemobj_errormsg();
    pool = pmemobj_open(path.c_str(), "lab");
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    number = static_cast<unsigned*>(pmemobj_direct(pmemobj_root(pool, sizeof(unsigned) * 1000)));
    for (unsigned i = 0; i < 1000; ++i)
        ASSERT_EQ(number[i], i);
    pmemobj_close(pool);
    unlink(path.c_str());
}

}  // namespace

TEST(Pmem, ADirectoryOnFsdaxIsDaxAndOneOnTmpfsIsNot) {
    EXPECT_TRUE(maps_with_map_sync(kFsdax)) << "the machine is not what the model says";
    EXPECT_FALSE(maps_with_map_sync(kTmpfs));
    EXPECT_EQ(memkind_check_dax_path(kFsdax), MEMKIND_SUCCESS);
    EXPECT_EQ(memkind_check_dax_path(kTmpfs), MEMKIND_ERROR_MMAP);
    EXPECT_EQ(memkind_check_dax_path("/mnt/nowhere"), MEMKIND_ERROR_RUNTIME);
}

TEST(Pmem, LibpmemSaysThatAFileOnFsdaxIsPersistentMemory) {
    EXPECT_EQ(file_is_pmem(std::string(kFsdax) + "/file"), 1);
    EXPECT_EQ(file_is_pmem(std::string(kTmpfs) + "/file"), 0);
}

TEST(Pmem, LibpmemSaysThatADeviceIsPersistentMemory) {
    const std::string device = device_dax();
    ASSERT_NE(device, "") << "the machine is not what the model says";
    std::size_t length = 0;
    int is_pmem = -1;
    void* const address = pmem_map_file(device.c_str(), 0, 0, 0, &length, &is_pmem);
    ASSERT_NE(address, nullptr) << pmem_errormsg();
    EXPECT_EQ(is_pmem, 1);
    EXPECT_EQ(pmem_is_pmem(address, length), 1);
    EXPECT_GT(length, 64 * kMiB);
    pmem_memset_persist(address, 0xA5, 4096);
    EXPECT_EQ(static_cast<unsigned char*>(address)[4095], 0xA5U);
    EXPECT_EQ(pmem_unmap(address, length), 0);
}

TEST(Pmem, Libpmem2TellsDurableMemoryFromOtherByItsGranularity) {
    const int on_fsdax = open("/mnt/pmem/pmem2", O_RDWR | O_CREAT, 0600);
    ASSERT_EQ(ftruncate(on_fsdax, 4 * kMiB), 0);
    // Nothing says that the caches are saved on power loss (eADR), so BYTE is refused.
    for (const int fd : {on_fsdax, open(device_dax().c_str(), O_RDWR)}) {
        EXPECT_EQ(granularity_of(fd, PMEM2_GRANULARITY_PAGE), PMEM2_GRANULARITY_CACHE_LINE);
        EXPECT_EQ(granularity_of(fd, PMEM2_GRANULARITY_CACHE_LINE), PMEM2_GRANULARITY_CACHE_LINE);
        EXPECT_EQ(granularity_of(fd, PMEM2_GRANULARITY_BYTE), PMEM2_E_GRANULARITY_NOT_SUPPORTED);
        pmem2_source* source = nullptr;
        ASSERT_EQ(pmem2_source_from_fd(&source, fd), 0);
        int node = -1;
        std::size_t length = 0;
        EXPECT_EQ(pmem2_source_numa_node(source, &node), 0) << pmem2_errormsg();
        EXPECT_EQ(node, 0);
        EXPECT_EQ(pmem2_source_device_id(source, nullptr, &length), 0) << pmem2_errormsg();
        EXPECT_EQ(length, sizeof "8680-56341200");  // QEMU's nvdimms; 57341200 is the other
        pmem2_source_delete(&source);
        close(fd);
    }
    unlink("/mnt/pmem/pmem2");
    const int on_tmpfs = open("/dev/shm/pmem2", O_RDWR | O_CREAT, 0600);
    ASSERT_EQ(ftruncate(on_tmpfs, 4 * kMiB), 0);
    EXPECT_EQ(granularity_of(on_tmpfs, PMEM2_GRANULARITY_PAGE), PMEM2_GRANULARITY_PAGE);
    EXPECT_EQ(granularity_of(on_tmpfs, PMEM2_GRANULARITY_CACHE_LINE), PMEM2_E_GRANULARITY_NOT_SUPPORTED);
    close(on_tmpfs);
    unlink("/dev/shm/pmem2");
}

TEST(Pmem, APoolOnFsdaxKeepsWhatWasCommitted) {
    commit_and_read_back(std::string(kFsdax) + "/pool");
}

TEST(Pmem, APoolOnTmpfsKeepsWhatWasCommitted) {
    commit_and_read_back(std::string(kTmpfs) + "/pool");
}

TEST(Pmem, APoolOnADeviceKeepsWhatWasCommitted) {
    const std::string device = device_dax();
    ASSERT_NE(device, "");
    const int fd = open(device.c_str(), O_RDWR);
    ASSERT_GE(fd, 0);
    void* const memory = mmap(nullptr, 128 * kMiB - 4 * kMiB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ASSERT_NE(memory, MAP_FAILED);
    memset(memory, 0, 64 << 10);  // whatever the tests before have left there
    munmap(memory, 128 * kMiB - 4 * kMiB);
    close(fd);
    PMEMobjpool* pool = pmemobj_create(device.c_str(), "device", 0, 0);
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    auto* const words = static_cast<uint64_t*>(pmemobj_direct(pmemobj_root(pool, 4096)));
    for (uint64_t round = 1; round <= 100; ++round) {
        TX_BEGIN(pool) {
            pmemobj_tx_add_range_direct(words, 16);
            words[0] = round;
            words[1] = pmemobj_tx_alloc(100 * round, 1).off;
        }
        TX_ONABORT {
            ADD_FAILURE() << pmemobj_errormsg();
        }
        TX_END
    }
    PMEMoid large = OID_NULL;
    ASSERT_EQ(pmemobj_zalloc(pool, &large, 40 * kMiB, 2), 0) << pmemobj_errormsg();
    words[2] = 7;
    pmemobj_persist(pool, &words[2], sizeof words[2]);
    EXPECT_EQ(pmemobj_open(device.c_str(), "device"), nullptr) << "it is open";
    EXPECT_EQ(errno, EWOULDBLOCK);
    pmemobj_close(pool);
    EXPECT_EQ(pmemobj_check(device.c_str(), "device"), -1);
    pool = pmemobj_open(device.c_str(), "device");
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    const auto* const found = static_cast<uint64_t*>(pmemobj_direct(pmemobj_root(pool, 4096)));
    EXPECT_EQ(found[0], 100u);
    EXPECT_EQ(found[2], 7u);
    size_t objects = 0;
    for (PMEMoid oid = pmemobj_first(pool); oid.off != 0; oid = pmemobj_next(oid))
        ++objects;
    EXPECT_EQ(objects, 101u);
    pmemobj_close(pool);
}

TEST(Pmem, AFileKindOnFsdaxTakesItsMemoryThere) {
    memkind_t kind = nullptr;
    ASSERT_EQ(memkind_create_pmem(kFsdax, 64 * kMiB, &kind), MEMKIND_SUCCESS);
    char* const block = static_cast<char*>(memkind_malloc(kind, 4 * kMiB));
    ASSERT_NE(block, nullptr);
    memset(block, 1, 4 * kMiB);
    EXPECT_EQ(memkind_detect_kind(block), kind);
    memkind_free(kind, block);
    EXPECT_EQ(memkind_destroy_kind(kind), MEMKIND_SUCCESS);
}
