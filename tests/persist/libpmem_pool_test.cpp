// Stores to a pool that are made durable with libpmem's functions: what the program sees of a pool is a private copy, so they
// have to reach the pool's home all the same. Each store is made by a process that is then killed; another one opens
// the pool and looks. In memory (cache-line granularity) and on a file system (page granularity).
#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <libpmem.h>
#include <libpmem2.h>
#include <libpmemobj.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>

namespace {

constexpr std::size_t kRootBytes = std::size_t{1} << 20;

using Work = std::function<void(char* root)>;

class APool : public testing::TestWithParam<const char*> {
  protected:
    APool() : path_(std::string(GetParam()) + "/terrace-libpmem-pool-" + std::to_string(getpid())) {
        unlink(path_.c_str());
    }
    ~APool() override { unlink(path_.c_str()); }

    // What a process does that is killed afterwards, without closing the pool.
    void in_a_killed_process(const Work& work) {
        const pid_t child = fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            choose_granularity();
            PMEMobjpool* pool = pmemobj_open(path_.c_str(), "libpmem");
            if (pool == nullptr)
                pool = pmemobj_create(path_.c_str(), "libpmem", 16 << 20, 0600);
            if (pool == nullptr)
                _exit(1);
            char* const root = static_cast<char*>(pmemobj_direct(pmemobj_root(pool, kRootBytes)));
            work(root);
            kill(getpid(), SIGKILL);
        }
        int status = 0;
        waitpid(child, &status, 0);
        ASSERT_TRUE(WIFSIGNALED(status)) << "status " << status;
    }

    // Whether the check holds in a process that opens the pool.
    bool holds(const std::function<bool(const char* root)>& check) {
        const pid_t child = fork();
        if (child == 0) {
            choose_granularity();
            PMEMobjpool* const pool = pmemobj_open(path_.c_str(), "libpmem");
            if (pool == nullptr)
                _exit(2);
            _exit(check(static_cast<const char*>(pmemobj_direct(pmemobj_root(pool, kRootBytes)))) ? 0 : 1);
        }
        int status = 0;
        waitpid(child, &status, 0);
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) != 2) << "the pool could not be opened";
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }

    std::string path_;

  private:
    static void choose_granularity() {
        setenv("PMEM_IS_PMEM_FORCE", strcmp(GetParam(), "/dev/shm") == 0 ? "1" : "0", 1);
    }
};

TEST_P(APool, KeepsAStoreThatWasPersistedAndNotOneThatWasNot) {
    in_a_killed_process([](char* root) {
        strcpy(root + 100, "persisted");
        strcpy(root + 200000, "not persisted");
        pmem_persist(root + 100, 10);
    });
    EXPECT_TRUE(holds([](const char* root) { return strcmp(root + 100, "persisted") == 0; }));
    EXPECT_FALSE(holds([](const char* root) { return strcmp(root + 200000, "not persisted") == 0; }))
        << "if this store is there, the one above proves nothing";
}

TEST_P(APool, KeepsWhatWasFlushedWhenItIsDrained) {
    in_a_killed_process([](char* root) {
        memset(root, 'a', 3000);
        pmem_flush(root, 1000);
        pmem_flush(root + 1000, 2000);
        memset(root + 500000, 'b', 5000);
        pmem_flush(root + 500000, 5000);
        pmem_drain();
        root[600000] = 'c';
        pmem_flush(root + 600000, 1);  // and never drained
    });
    EXPECT_TRUE(holds([](const char* root) {
        for (int i = 0; i < 3000; ++i)
            if (root[i] != 'a')
                return false;
        for (int i = 0; i < 5000; ++i)
            if (root[500000 + i] != 'b')
                return false;
        return true;
    }));
    EXPECT_FALSE(holds([](const char* root) { return root[600000] == 'c'; }));
}

TEST_P(APool, KeepsCopiesFillsAndMovesOfEverySizeAndPlace) {
    constexpr std::size_t kSizes[] = {1, 8, 24, 64, 100, 128, 256, 300, 1000, 4096, 5000, 70000, 300000};
    static char text[300000];
    for (std::size_t i = 0; i < sizeof text; ++i)
        text[i] = static_cast<char>('a' + i % 23);
    for (const std::size_t size : kSizes) {
        for (const std::size_t at : {std::size_t{0}, std::size_t{8}, std::size_t{3}}) {
            in_a_killed_process([&](char* root) {
                pmem_memcpy_persist(root + at, text, size);
                pmem_memset_persist(root + 310000 + at, 'f', size);
                pmem_memmove(root + 320000 + at + 310000, root + at, size, PMEM_F_MEM_NODRAIN);
                pmem_drain();
                pmem_memmove_persist(root + at + 40, root + at, size);  // over its own source, mostly
            });
            EXPECT_TRUE(holds([&](const char* root) {
                if (memcmp(root + at + 40, text, size) != 0 || memcmp(root + 630000 + at, text, size) != 0)
                    return false;
                for (std::size_t i = 0; i < size; ++i)
                    if (root[310000 + at + i] != 'f')
                        return false;
                return true;
            })) << size
                << " bytes at " << at;
        }
    }
}

TEST_P(APool, KeepsWhatMsyncAndTheDeepFunctionsPromise) {
    in_a_killed_process([](char* root) {
        strcpy(root + 5000, "by msync");
        if (pmem_msync(root + 5000, 9) != 0)
            _exit(1);
        strcpy(root + 9000, "by deep_persist");
        if (pmem_deep_persist(root + 9000, 16) != 0)
            _exit(1);
        strcpy(root + 50000, "by deep_drain");
        pmem_deep_flush(root + 50000, 14);
        if (pmem_deep_drain(root + 50000, 14) != 0)
            _exit(1);
        pmem_memcpy(root + 70000, "by persist", 11, PMEM_F_MEM_NOFLUSH);
        pmem_persist(root + 70000, 11);
    });
    EXPECT_TRUE(holds([](const char* root) {
        return strcmp(root + 5000, "by msync") == 0 && strcmp(root + 9000, "by deep_persist") == 0 &&
               strcmp(root + 50000, "by deep_drain") == 0 && strcmp(root + 70000, "by persist") == 0;
    }));
}

TEST_P(APool, LeavesTheStoresOfATransactionToItsCommit) {
    in_a_killed_process([](char* root) { pmem_memset_persist(root, 'o', 100); });
    in_a_killed_process([](char* root) {
        if (pmemobj_tx_begin(pmemobj_pool_by_ptr(root), nullptr, TX_PARAM_NONE) != 0)
            _exit(1);
        pmemobj_tx_add_range_direct(root, 50);
        memset(root, 'n', 100);
        pmem_persist(root, 100);
    });
    EXPECT_TRUE(holds([](const char* root) {
        return root[0] == 'o' && root[49] == 'o' && root[50] == 'n' && root[99] == 'n';
    })) << "killed before the commit: what it covered is old, what it did not cover is new";
}

TEST_P(APool, KeepsWhatWasFlushedBeforeAnotherPoolWasOpened) {
    const std::string other = path_ + "-other";
    in_a_killed_process([&](char* root) {
        root[7] = 'x';
        pmem_flush(root + 7, 1);
        PMEMobjpool* const second = pmemobj_create(other.c_str(), "other", 16 << 20, 0600);
        if (second == nullptr)
            _exit(1);
        char* const second_root = static_cast<char*>(pmemobj_direct(pmemobj_root(second, 100)));
        second_root[0] = 'y';
        pmem_flush(second_root, 1);
        pmem_drain();
        pmemobj_close(second);
        root[8] = 'z';
        pmem_persist(root + 8, 1);
    });
    unlink(other.c_str());
    EXPECT_TRUE(holds([](const char* root) { return root[7] == 'x' && root[8] == 'z'; }));
}

// The first whole page of the root object.
template <typename Char>
Char* page_in(Char* root) {
    return root + (4096 - reinterpret_cast<std::uintptr_t>(root) % 4096);
}

// In the process that is killed: ends it otherwise when a function of libpmem2 fails.
void expect_success(int result) {
    if (result != 0) {
        fprintf(stderr, "%s\n", pmem2_errormsg());
        _exit(1);
    }
}

// A map of a part of a pool, as a library that speaks libpmem2 would be given.
pmem2_map* map_of(const std::string& pool, char* page, pmem2_granularity granularity) {
    constexpr std::size_t kMapBytes = 100 * 4096;
    pmem2_source* source = nullptr;
    pmem2_map* map = nullptr;
    expect_success(pmem2_source_from_fd(&source, open(pool.c_str(), O_RDWR)));
    expect_success(pmem2_map_from_existing(&map, source, page, kMapBytes, granularity));
    pmem2_source_delete(&source);
    return map;
}

TEST_P(APool, KeepsWhatTheFunctionsOfLibpmem2MadeDurable) {
    for (const pmem2_granularity granularity : {PMEM2_GRANULARITY_CACHE_LINE, PMEM2_GRANULARITY_PAGE}) {
        in_a_killed_process([this, granularity](char* object) {
            char* const root = page_in(object);
            memset(root, 0, 100000);
            pmem_persist(root, 100000);
            pmem2_map* const map = map_of(path_, root, granularity);
            strcpy(root + 100, "by persist");
            pmem2_get_persist_fn(map)(root + 100, 11);
            strcpy(root + 9000, "by flush");
            pmem2_get_flush_fn(map)(root + 9000, 9);
            pmem2_get_drain_fn(map)();
            pmem2_get_memcpy_fn(map)(root + 20000, "by memcpy", 10, 0);
            pmem2_get_memset_fn(map)(root + 30000, 's', 7000, PMEM2_F_MEM_NONTEMPORAL);
            strcpy(root + 50000, "by deep flush");
            expect_success(pmem2_deep_flush(map, root + 50000, 14));
            strcpy(root + 90000, "by nothing");
        });
        EXPECT_TRUE(holds([](const char* object) {
            const char* const root = page_in(object);
            return strcmp(root + 100, "by persist") == 0 && strcmp(root + 9000, "by flush") == 0 &&
                   strcmp(root + 20000, "by memcpy") == 0 && root[30000] == 's' && root[36999] == 's' &&
                   strcmp(root + 50000, "by deep flush") == 0;
        })) << granularity;
        EXPECT_FALSE(
            holds([](const char* object) { return strcmp(page_in(object) + 90000, "by nothing") == 0; }));
    }
}

INSTANTIATE_TEST_SUITE_P(InMemoryAndOnDisk, APool, testing::Values("/dev/shm", "/var/tmp"),
                         [](const auto& place) {
                             return std::string(strcmp(place.param, "/dev/shm") == 0 ? "InMemory" : "OnDisk");
                         });

TEST(PoolsAndFiles, AreFlushedEachInItsWayAndFilesAsEverAfterwards) {
    const std::string path = "/dev/shm/terrace-libpmem-both-" + std::to_string(getpid());
    const std::string file = path + "-file";
    char* const memory =
        static_cast<char*>(pmem_map_file(file.c_str(), 8192, PMEM_FILE_CREATE, 0600, nullptr, nullptr));
    ASSERT_NE(memory, nullptr);
    PMEMobjpool* const pool = pmemobj_create(path.c_str(), "both", 16 << 20, 0600);
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    for (const bool is_open : {true, false}) {
        pmem_memset_persist(memory + 1, is_open ? 'o' : 'c', 8000);
        pmem_persist(memory, 8192);
        EXPECT_EQ(pmem_msync(memory, 8192), 0);
        EXPECT_EQ(pmem_deep_persist(memory, 8192), 0);
        EXPECT_EQ(memory[8000], is_open ? 'o' : 'c');
        if (is_open)
            pmemobj_close(pool);
    }
    pmem_unmap(memory, 8192);
    unlink(file.c_str());
    unlink(path.c_str());
}

}  // namespace
