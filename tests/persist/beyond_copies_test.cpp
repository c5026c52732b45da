// A copy of a pool opened beside the original.
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "persist/pool/format/media_layout.hpp"
#include "tests/persist/beyond.hpp"

namespace terrace::persist::testing {
namespace {

struct Node {
    PMEMoid next;
    uint64_t value;
};

// A list of a few nodes whose names are inside the pool, one of them at an odd address.
struct ListRoot {
    PMEMoid first;
    char odd;
    char name[sizeof(PMEMoid)];
};

void make_list(PMEMobjpool* pool, ListRoot* list) {
    constexpr uint64_t kNodes = 10;
    TX_BEGIN(pool) {
        pmemobj_tx_add_range_direct(list, sizeof *list);
        for (uint64_t i = 0; i < kNodes; ++i) {
            const PMEMoid node = pmemobj_tx_zalloc(i % 2 == 0 ? sizeof(Node) : 200000, 1);
            *static_cast<Node*>(pmemobj_direct(node)) = {list->first, i};
            list->first = node;
        }
        memcpy(list->name, &list->first, sizeof list->first);
    }
    TX_ONABORT {
        ADD_FAILURE() << pmemobj_errormsg();
    }
    TX_END
}

uint64_t sum_of_list(const PMEMobjpool* pool, const ListRoot* list) {
    uint64_t sum = 0;
    for (PMEMoid oid = list->first; oid.off != 0;) {
        EXPECT_EQ(pmemobj_pool_by_oid(oid), pool);
        const auto* node = static_cast<const Node*>(pmemobj_direct(oid));
        sum += node->value;
        oid = node->next;
    }
    PMEMoid odd;
    memcpy(&odd, list->name, sizeof odd);
    EXPECT_EQ(pmemobj_pool_by_oid(odd), pool);
    return sum;
}

TEST_P(Beyond, ACopyOpensBesideTheOriginal) {
    create();
    make_list(pool_, root<ListRoot>());
    ASSERT_EQ(pmemobj_extend(pool_, 4 * kMiB), 0);
    write_file(copy_path(), read_file(path_));
    PMEMobjpool* copy = pmemobj_open(copy_path().c_str(), "test");
    ASSERT_NE(copy, nullptr) << pmemobj_errormsg();
    auto* copied = static_cast<ListRoot*>(pmemobj_direct(pmemobj_root(copy, sizeof(ListRoot))));
    EXPECT_EQ(sum_of_list(copy, copied), 45u);
    EXPECT_EQ(sum_of_list(pool_, root<ListRoot>()), 45u);
    auto* node = static_cast<Node*>(pmemobj_direct(copied->first));
    TX_BEGIN(copy) {
        TX_ADD_DIRECT(&node->value);
        node->value += 1000;
    }
    TX_END
    EXPECT_EQ(sum_of_list(pool_, root<ListRoot>()), 45u);
    pmemobj_close(copy);
    EXPECT_EQ(pmemobj_check(copy_path().c_str(), "test"), 1) << pmemobj_errormsg();
    // From now on it is a pool of its own, which needs no such step.
    const std::string image = read_file(copy_path());
    copy = pmemobj_open(copy_path().c_str(), "test");
    ASSERT_NE(copy, nullptr) << pmemobj_errormsg();
    copied = static_cast<ListRoot*>(pmemobj_direct(pmemobj_root(copy, sizeof(ListRoot))));
    EXPECT_EQ(sum_of_list(copy, copied), 1045u);
    pmemobj_close(copy);
    close();
    expect_sound();
}

TEST_P(Beyond, AReaderOfACopyTellsItApartInMemory) {
    create();
    make_list(pool_, root<ListRoot>());
    write_file(copy_path(), read_file(path_));
    const std::string image = read_file(copy_path());
    PMEMobjpool* copy = pmemobj_xopen(copy_path().c_str(), "test", POBJ_OPEN_READ_ONLY);
    ASSERT_NE(copy, nullptr) << pmemobj_errormsg();
    auto* copied = static_cast<ListRoot*>(pmemobj_direct(pmemobj_root(copy, 0)));
    EXPECT_EQ(sum_of_list(copy, copied), 45u);
    EXPECT_EQ(sum_of_list(pool_, root<ListRoot>()), 45u);
    pmemobj_close(copy);
    EXPECT_TRUE(read_file(copy_path()) == image);
}

TEST_P(Beyond, AReaderOfACopyFindsNamesThatAreOnlyInItsLog) {
    struct Large {
        char unused[100000];
        PMEMoid name;
    };
    create();
    auto* const list = root<ListRoot>();
    ASSERT_EQ(pmemobj_zalloc(pool_, &list->first, sizeof(Large), 1), 0);
    std::string image = read_file(path_);
    auto* const large = static_cast<Large*>(pmemobj_direct(list->first));
    TX_BEGIN(pool_) {
        TX_ADD_DIRECT(&large->name);
        large->name = list->first;
    }
    TX_END
    // As after a power loss that left the record and not its home, which is a hole of the file.
    image.replace(kLogOffset, 1 << 20, read_file(path_), kLogOffset, 1 << 20);
    // Not in memory, where reading a hole fills it.
    const std::string path = ::testing::TempDir() + "terrace-copy-" + std::to_string(getpid());
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ASSERT_EQ(ftruncate(file, static_cast<off_t>(image.size())), 0);
    const std::string hole(kPageBytes, '\0');
    for (size_t at = 0; at < image.size(); at += kPageBytes) {
        if (image.compare(at, kPageBytes, hole) != 0) {
            ASSERT_EQ(pwrite(file, &image[at], kPageBytes, static_cast<off_t>(at)), kPageBytes);
        }
    }
    ::close(file);
    PMEMobjpool* copy = pmemobj_xopen(path.c_str(), "test", POBJ_OPEN_READ_ONLY);
    ASSERT_NE(copy, nullptr) << pmemobj_errormsg();
    const auto* copied = static_cast<ListRoot*>(pmemobj_direct(pmemobj_root(copy, 0)));
    EXPECT_EQ(pmemobj_pool_by_oid(copied->first), copy);
    EXPECT_EQ(pmemobj_pool_by_oid(static_cast<Large*>(pmemobj_direct(copied->first))->name), copy);
    pmemobj_close(copy);
    unlink(path.c_str());
}

TEST_P(Beyond, ACrashWhileACopyIsToldApartIsFinishedByTheNextOpen) {
    create();
    make_list(pool_, root<ListRoot>());
    const std::string image = read_file(path_);
    for (int event = 1; event < 1000; ++event) {
        write_file(copy_path(), image);
        const int status = in_child([&] {
            // This process's pools are a forked child's; their identities are still known.
            static int left;
            left = event;
            static const FileObserver dying{
                [](void*, int file, const void* source, size_t bytes, uint64_t offset) {
                    if (--left == 0) {
                        (void)!pwrite(file, source, bytes / 2, static_cast<off_t>(offset));
                        _exit(0);
                    }
                    return 0;
                },
                [](void*, int) {
                    if (--left == 0)
                        _exit(0);
                    return 0;
                },
                nullptr};
            observe_files(&dying);
            _exit(pmemobj_open(copy_path().c_str(), "test") != nullptr ? 1 : 2);
        });
        ASSERT_NE(WEXITSTATUS(status), 2);
        for (const unsigned flags : {POBJ_OPEN_READ_ONLY, POBJ_OPEN_COPY_ON_WRITE, 0u}) {
            PMEMobjpool* copy = pmemobj_xopen(copy_path().c_str(), "test", flags);
            if (copy == nullptr && flags != 0 && errno == EINVAL)
                continue;  // a copy of the superblock is torn, which only a writer may repair
            ASSERT_NE(copy, nullptr) << event << " " << pmemobj_errormsg();
            auto* copied = static_cast<ListRoot*>(pmemobj_direct(pmemobj_root(copy, 0)));
            EXPECT_EQ(sum_of_list(copy, copied), 45u) << event << " with flags " << flags;
            pmemobj_close(copy);
        }
        if (WEXITSTATUS(status) == 1 || HasFailure())
            break;
    }
}

}  // namespace
}  // namespace terrace::persist::testing
