// Files that are no pools or no longer sound, full disks, forks: what is refused, how, and that nothing is changed.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <libpmemobj/beyond.h>
#include "persist/pool/engine_interface.hpp"
#include "persist/pool/format/checksum.hpp"
#include "persist/pool/format/descriptor.hpp"
#include "persist/pool/format/regions.hpp"
#include "persist/pool/pool.hpp"
#include "tests/persist/engine_support.hpp"

namespace terrace::persist::testing {
namespace {

class PoolFile : public PoolTest {
  protected:
    // Opening fails with this error and these words, and leaves every byte as it was.
    void expect_refused(const std::string& content, int error, const char* words) {
        write_file(path_, content);
        errno = 0;
        EXPECT_EQ(pmemobj_open(path_.c_str(), nullptr), nullptr);
        EXPECT_EQ(errno, error);
        EXPECT_NE(strstr(pmemobj_errormsg(), words), nullptr) << pmemobj_errormsg();
        EXPECT_TRUE(read_file(path_) == content) << "the refused file was changed";
    }
    std::string sound_pool() {
        create();
        pmemobj_root(pool_, 100);
        close();
        return read_file(path_);
    }
};

TEST_P(PoolFile, ThatIsForeignIsRefusedUnchanged) {
    expect_refused(std::string(10 << 20, 'x'), EINVAL, "not a Terrace pool");
    expect_refused(std::string(10 << 20, '\0'), EINVAL, "not a Terrace pool");
    expect_refused("", EINVAL, "not a Terrace pool");
    std::string pmdk(8 << 20, '\0');
    pmdk.replace(0, 8, std::string("PMEMOBJ\0", 8));
    expect_refused(pmdk, EINVAL, "PMDK");
}

TEST_P(PoolFile, ThatIsTruncatedIsRefusedUnchanged) {
    const std::string pool = sound_pool();
    expect_refused(pool.substr(0, pool.size() - 4096), EINVAL, "truncated");
    expect_refused(pool.substr(0, 5000), EINVAL, "truncated");
    expect_refused(pool.substr(0, 100), EINVAL, "truncated");
}

TEST_P(PoolFile, OfAnotherVersionIsRefusedUnchanged) {
    std::string pool = sound_pool();
    for (uint32_t copy : {0u, 1u}) {
        auto* superblock = reinterpret_cast<Superblock*>(pool.data() + copy * 4096);
        superblock->version = 99;
        superblock->checksum = crc32c(0, superblock, offsetof(Superblock, checksum));
    }
    expect_refused(pool, EINVAL, "version 99");
}

TEST_P(PoolFile, WithBothSuperblocksDamagedIsRefusedUnchanged) {
    std::string pool = sound_pool();
    pool[100] ^= 1;
    pool[4096 + 300] ^= 1;
    expect_refused(pool, EINVAL, "damaged");
}

TEST_P(PoolFile, WithOneSuperblockDamagedIsRepaired) {
    for (size_t copy : {0u, 1u}) {
        std::string pool = sound_pool();
        const std::string sound = pool;
        memset(pool.data() + copy * 4096, 0x5a, 4096);
        write_file(path_, pool);
        open();
        close();
        EXPECT_TRUE(read_file(path_).substr(0, 8192) == sound.substr(0, 8192));
        unlink(path_.c_str());
    }
}

TEST_P(PoolFile, WithBothWatermarksDamagedIsRefusedUnchanged) {
    std::string pool = sound_pool();
    pool[8192] ^= 1;
    pool[12288] ^= 1;
    expect_refused(pool, EINVAL, "watermark");
}

TEST_P(PoolFile, WithAnotherLayoutIsRefused) {
    sound_pool();
    EXPECT_EQ(pmemobj_open(path_.c_str(), "other"), nullptr);
    EXPECT_EQ(errno, EINVAL);
}

TEST_P(PoolFile, WithADamagedHeapFailsTheCheck) {
    create();
    PMEMoid first, second;
    pmemobj_alloc(pool_, &first, 40000, 1, nullptr, nullptr);
    pmemobj_alloc(pool_, &second, 40000, 1, nullptr, nullptr);
    close();
    std::string pool = read_file(path_);
    Superblock superblock;
    memcpy(&superblock, pool.data(), sizeof superblock);
    Regions regions;
    ASSERT_TRUE(regions.start(superblock.log_offset + superblock.log_bytes, &superblock.created_bytes, 1));
    const uint64_t place = regions.descriptor_of(first.off / kPageBytes);
    auto* descriptor = reinterpret_cast<PageDescriptor*>(pool.data() + place);
    EXPECT_EQ(pmemobj_check(path_.c_str(), "test"), 1);
    descriptor->state ^= ExtentState{ExtentKind::kFree, 0, 0, 1}.pack();  // one page over its neighbour
    write_file(path_, pool);
    EXPECT_EQ(pmemobj_check(path_.c_str(), "test"), 0);
    EXPECT_NE(strstr(pmemobj_errormsg(), "does not match its checksum"), nullptr) << pmemobj_errormsg();
    EXPECT_TRUE(read_file(path_) == pool);
    descriptor::seal(*descriptor, superblock.log_seed, place);
    write_file(path_, pool);
    EXPECT_EQ(pmemobj_check(path_.c_str(), "test"), 0);
    EXPECT_NE(strstr(pmemobj_errormsg(), "overlap"), nullptr) << pmemobj_errormsg();
}

// As a daemon does that closes every descriptor it does not know, and opens files of its own.
TEST_P(PoolFile, WhoseDescriptorTheProgramClosedIsNotWrittenToAnotherFile) {
    create();
    auto* word = root<uint64_t>();
    const int file = pool_of(pool_).media.file;
    const std::string other_path = path_ + "-other";
    write_file(other_path, std::string(1 << 20, 'x'));
    const int other = ::open(other_path.c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_EQ(dup2(other, file), file);
    bool committed = false;
    TX_BEGIN(pool_) {
        TX_ADD_DIRECT(word);
        *word = 1;
    }
    TX_ONCOMMIT {
        committed = true;
    }
    TX_ONABORT {
        EXPECT_EQ(pmemobj_tx_errno(), EBADF);
    }
    TX_END
    EXPECT_EQ(committed, !is_page_granularity());  // stores to the mapped home need no descriptor
    EXPECT_EQ(pmemobj_extend(pool_, 1 << 20), -1);
    EXPECT_EQ(errno, EBADF);
    close();
    struct stat status;
    EXPECT_EQ(fstat(file, &status), 0) << "it is the program's, and stays open";
    ::close(file);
    ::close(other);
    EXPECT_TRUE(read_file(other_path) == std::string(1 << 20, 'x'));
    unlink(other_path.c_str());
    open();
    EXPECT_EQ(*root<uint64_t>(), committed ? 1u : 0u);
}

TEST_P(PoolFile, ThatIsOpenCannotBeOpenedOrChecked) {
    create();
    EXPECT_EQ(pmemobj_open(path_.c_str(), "test"), nullptr);
    EXPECT_EQ(errno, EWOULDBLOCK);
    EXPECT_EQ(pmemobj_check(path_.c_str(), "test"), -1);
    const int status =
        in_child([&] { _exit(pmemobj_open(path_.c_str(), "test") == nullptr && errno == EWOULDBLOCK); });
    EXPECT_EQ(WEXITSTATUS(status), 1);
}

TEST_P(PoolFile, AnyByteOfTheMetadataMayBeWrongWithoutACrash) {
    std::mt19937_64 random(test_seed());
    create();
    for (int i = 0; i < 300; ++i) {
        PMEMoid oid;
        pmemobj_zalloc(pool_, &oid, 1 + random() % 20000, random() % 20);
    }
    const std::string image = read_file(path_);
    close();
    Superblock superblock;
    memcpy(&superblock, image.data(), sizeof superblock);
    const uint64_t tables = superblock.log_offset + superblock.log_bytes;
    for (int round = 0; round < 150; ++round) {
        std::string mutated = image;
        for (uint64_t i = 0, changes = 1 + random() % 4; i < changes; ++i) {
            // In what is in use: the fixed pages, the log's beginning, the beginning of the tables.
            const uint64_t places[] = {random() % 20480, superblock.log_offset + random() % 40000,
                                       tables + random() % 64, tables + kPageBytes + random() % 30000};
            mutated[places[random() % 4]] = static_cast<char>(random());
        }
        write_file(path_, mutated);
        const int status = in_child([&] {
            (void)!freopen("/dev/null", "w", stderr);
            pmemobj_check(path_.c_str(), nullptr);
            PMEMobjpool* pool = pmemobj_open(path_.c_str(), nullptr);
            if (pool == nullptr)
                _exit(0);
            for (PMEMoid oid = pmemobj_first(pool); oid.off != 0; oid = pmemobj_next(oid)) {
                pmemobj_alloc_usable_size(oid);
                pmemobj_type_num(oid);
            }
            PMEMoid oid;
            for (size_t i = 0; i < 50; ++i)
                pmemobj_alloc(pool, &oid, 1 + i * 300, 1, nullptr, nullptr);
            pmemobj_close(pool);
        });
        ASSERT_TRUE(WIFEXITED(status)) << "round " << round << " died by signal " << WTERMSIG(status);
    }
}

TEST_P(PoolFile, CreationThatFailsLeavesNoFile) {
    EXPECT_EQ(pmemobj_create(path_.c_str(), "test", 1 << 20, 0600), nullptr);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(pmemobj_create(path_.c_str(), std::string(1024, 'l').c_str(), 8 << 20, 0600), nullptr);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(pmemobj_create(path_.c_str(), "test", SIZE_MAX, 0600), nullptr);
    EXPECT_NE(access(path_.c_str(), F_OK), 0);
    create();
    EXPECT_EQ(pmemobj_create(path_.c_str(), "test", 8 << 20, 0600), nullptr);
    EXPECT_EQ(errno, EEXIST);
}

TEST_P(PoolFile, ThatDoesNotFitLeavesNoFile) {
    const std::string directory = path_ + ".mount";
    mkdir(directory.c_str(), 0700);
    if (mount("tmpfs", directory.c_str(), "tmpfs", 0, "size=12m") != 0) {
        rmdir(directory.c_str());
        GTEST_SKIP() << "mounting a small tmpfs needs privileges: " << strerror(errno);
    }
    const std::string file = directory + "/pool";
    EXPECT_EQ(pmemobj_create(file.c_str(), "test", 64 << 20, 0600), nullptr);
    EXPECT_EQ(errno, ENOSPC) << pmemobj_errormsg();
    EXPECT_NE(access(file.c_str(), F_OK), 0);
    PMEMobjpool* pool = pmemobj_create(file.c_str(), "test", 8 << 20, 0600);
    EXPECT_NE(pool, nullptr) << pmemobj_errormsg();
    if (pool != nullptr)
        pmemobj_close(pool);
    umount2(directory.c_str(), MNT_DETACH);
    rmdir(directory.c_str());
}

TEST_P(PoolFile, AForkedChildReadsAndCannotChange) {
    create();
    auto* words = root<uint64_t[8]>();
    (*words)[0] = 1;
    pmemobj_persist(pool_, words, 8);
    PMEMoid object;
    ASSERT_EQ(pmemobj_alloc(pool_, &object, 64, 1, nullptr, nullptr), 0);
    const int status = in_child([&] {
        int wrong = 0;
        wrong |= (*words)[0] != 1;
        PMEMoid oid = OID_NULL;
        wrong |= (pmemobj_alloc(pool_, &oid, 64, 1, nullptr, nullptr) == 0) << 1;
        volatile int aborted = 0;
        TX_BEGIN(pool_) {
            pmemobj_tx_add_range_direct(words, 8);
            (*words)[0] = 2;
        }
        TX_ONABORT {
            aborted = pmemobj_tx_errno() == EPERM;
        }
        TX_END
        wrong |= (aborted == 0) << 2;
        (*words)[0] = 3;
        (void)!freopen("/dev/null", "w", stderr);
        pmemobj_persist(pool_, words, 8);
        pmemobj_close(pool_);
        _exit(wrong);
    });
    EXPECT_EQ(WEXITSTATUS(status), 0);
    EXPECT_EQ((*words)[0], 1u);
    close();
    open();
    EXPECT_EQ((*root<uint64_t[8]>())[0], 1u);
}

TEST_P(PoolFile, AForkInsideATransactionCommitsOnceInTheParent) {
    create();
    auto* words = root<uint64_t[8]>();
    TX_BEGIN(pool_) {
        pmemobj_tx_add_range_direct(words, 8);
        (*words)[0] = 4;
        const pid_t child = fork();
        if (child == 0) {
            (void)!freopen("/dev/null", "w", stderr);
            (*words)[0] = 5;
            pmemobj_tx_commit();  // jumps to the abort, below
        } else {
            waitpid(child, nullptr, 0);
        }
    }
    TX_ONABORT {
        _exit(0);
    }
    TX_END
    crash_and_open();
    EXPECT_EQ((*root<uint64_t[8]>())[0], 4u);
}

TEST_P(PoolFile, TheLockOnThePoolEndsWithItsOwnerEvenIfAChildLives) {
    create();
    int gate[2];
    ASSERT_EQ(pipe(gate), 0);
    const pid_t child = fork();
    if (child == 0) {
        char c;
        ::close(gate[1]);
        (void)!read(gate[0], &c, 1);
        _exit(0);
    }
    close();
    open();
    ::close(gate[1]);
    ::close(gate[0]);
    waitpid(child, nullptr, 0);
}

TEST_P(PoolFile, TheEngineTableReservesPublishesAndFrees) {
    const terrace_pool_engine* engine = terrace_pool_engine_table();
    ASSERT_EQ(engine->version, TERRACE_POOL_ENGINE_VERSION);
    pool_ = engine->create_or_open(path_.c_str(), "test", 8 << 20, 0600);
    ASSERT_NE(pool_, nullptr) << pmemobj_errormsg();
    auto* where = root<PMEMoid[2]>();
    void* lost = engine->reserve(pool_, 100, 0);
    void* kept = engine->reserve(pool_, 200000, 4096);
    void* given_back = engine->reserve(pool_, 100, 64);
    ASSERT_TRUE(lost != nullptr && kept != nullptr && given_back != nullptr);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(kept) % 4096, 0u);
    EXPECT_TRUE(engine->is_reserved(pool_, kept));
    memset(kept, 9, 200000);
    ASSERT_EQ(engine->publish(pool_, &(*where)[0], kept), 0);
    EXPECT_FALSE(engine->is_reserved(pool_, kept));
    EXPECT_EQ(pmemobj_direct((*where)[0]), kept);
    EXPECT_EQ(engine->publish(pool_, nullptr, kept), EINVAL) << "published twice";
    engine->free(pool_, given_back);
    EXPECT_FALSE(engine->is_reserved(pool_, given_back));
    crash_and_open();
    EXPECT_EQ(count_objects(), 1u);
    where = root<PMEMoid[2]>();
    auto* bytes = static_cast<unsigned char*>(pmemobj_direct((*where)[0]));
    EXPECT_EQ(bytes[199999], 9);
    engine->free(pool_, bytes);
    crash_and_open();
    EXPECT_EQ(count_objects(), 0u);
}

TERRACE_BOTH_GRANULARITIES(PoolFile);

}  // namespace
}  // namespace terrace::persist::testing
