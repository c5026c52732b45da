// What the functions of a map do at each granularity, seen from inside: which lines are written back, how
// often they wait, which pages are synced, and that an error of the medium is not passed over.
#include <sys/mman.h>

#include <cerrno>

#include "persist/flush/flush.hpp"
#include "tests/persist/pmem2_support.hpp"

using namespace terrace::persist;
using namespace terrace::tests;

namespace {

int fences = 0;
std::size_t written_back = 0;
std::size_t streamed = 0;
int syncs = 0;
std::size_t synced = 0;
int sync_error = 0;

const FlushMethods kCounting = [] {
    FlushMethods methods = {};
    methods.name = "counting";
    methods.stream_from = 256;
    methods.write_back = [](const void*, std::size_t size) { written_back += size; };
    methods.stream_lines = [](void* to, const void* from, std::size_t lines) {
        memmove(to, from, lines * kCacheLine);
        streamed += lines * kCacheLine;
    };
    methods.stream_fill = [](void* to, unsigned char value, std::size_t lines) {
        memset(to, value, lines * kCacheLine);
        streamed += lines * kCacheLine;
    };
    methods.fence = [] { ++fences; };
    return methods;
}();

class Functions : public testing::Test {
  protected:
    Functions() : file_(directory_.file("file"), 4 * kPage) { before_ = use_flush_methods(&kCounting); }
    ~Functions() override {
        use_flush_methods(before_);
        sync_error = 0;
    }
    void reset() {
        fences = syncs = 0;
        written_back = streamed = synced = 0;
    }

    TemporaryDirectory directory_;
    NewFile file_;
    const FlushMethods* before_ = nullptr;
};

TEST_F(Functions, AtByteGranularityOnlyKeepTheOrder) {
    const ForcedGranularity forced("BYTE");
    const Map map(Config(), Source(file_.fd()));
    reset();
    pmem2_get_flush_fn(map)(map.address(), kPage);
    EXPECT_EQ(fences, 0);
    pmem2_get_persist_fn(map)(map.address(), kPage);
    EXPECT_EQ(fences, 1);
    pmem2_get_drain_fn(map)();
    EXPECT_EQ(fences, 2);
    pmem2_get_memset_fn(map)(map.address(), 1, kPage, 0);
    EXPECT_EQ(fences, 3);
    pmem2_get_memset_fn(map)(map.address(), 1, kPage, PMEM2_F_MEM_NODRAIN);
    pmem2_get_memset_fn(map)(map.address(), 1, kPage, PMEM2_F_MEM_NOFLUSH);
    EXPECT_EQ(fences, 3);
    EXPECT_EQ(written_back + streamed, 0U);
    EXPECT_EQ(syncs, 0);
    pmem2_get_memset_fn(map)(map.address(), 1, kPage, PMEM2_F_MEM_NONTEMPORAL);
    EXPECT_EQ(streamed, kPage) << "asked for, it goes around the caches";
}

TEST_F(Functions, AtCacheLineGranularityWriteBackWhatWasStored) {
    const ForcedGranularity forced("CACHE_LINE");
    const Map map(Config(), Source(file_.fd()));
    reset();
    pmem2_get_flush_fn(map)(map.address(), 100);
    EXPECT_EQ(written_back, 100U);
    EXPECT_EQ(fences, 0);
    pmem2_get_persist_fn(map)(map.address(), 100);
    EXPECT_EQ(written_back, 200U);
    EXPECT_EQ(fences, 1);
    reset();
    pmem2_get_memset_fn(map)(map.address(), 1, kPage, PMEM2_F_MEM_TEMPORAL);
    EXPECT_EQ(written_back, kPage);
    EXPECT_EQ(fences, 1);
    reset();
    pmem2_get_memset_fn(map)(map.address(), 1, kPage, PMEM2_F_MEM_NODRAIN);
    EXPECT_EQ(written_back + streamed, kPage);
    EXPECT_EQ(fences, 0);
    reset();
    pmem2_get_memset_fn(map)(map.address(), 1, kPage, PMEM2_F_MEM_NOFLUSH);
    EXPECT_EQ(written_back + streamed, 0U);
    EXPECT_EQ(fences, 0) << "NOFLUSH implies NODRAIN";
    EXPECT_EQ(syncs, 0);
}

TEST_F(Functions, AtPageGranularitySyncThePagesOfTheRange) {
    const Map map(Config(), Source(file_.fd()));
    reset();
    errno = 77;
    pmem2_get_persist_fn(map)(map.address() + kPage - 1, 2);
    EXPECT_EQ(errno, 77) << "errno is the program's";
    EXPECT_EQ(syncs, 1);
    EXPECT_EQ(synced, kPage + 1) << "from the page that the range begins in to its end";
    pmem2_get_persist_fn(map)(map.address(), 0);
    pmem2_get_drain_fn(map)();
    EXPECT_EQ(syncs, 1) << "nothing was stored";
    pmem2_get_memset_fn(map)(map.address(), 1, kPage, PMEM2_F_MEM_NODRAIN);
    EXPECT_EQ(syncs, 2);
    pmem2_get_memset_fn(map)(map.address(), 1, kPage, PMEM2_F_MEM_NOFLUSH);
    EXPECT_EQ(syncs, 2);
    EXPECT_EQ(fences, 0);
    EXPECT_EQ(pmem2_deep_flush(map, map.address(), 1), 0);
    EXPECT_EQ(syncs, 3);
}

TEST_F(Functions, AtPageGranularityDoNotGoOnWhenTheMediumFails) {
    const Map map(Config(), Source(file_.fd()));
    EXPECT_DEATH(
        {
            sync_error = EIO;
            pmem2_get_persist_fn(map)(map.address(), kPage);
        },
        "cannot be made durable: Input/output error");
    sync_error = EIO;
    EXPECT_EQ(pmem2_deep_flush(map, map.address(), 1), -EIO) << "what has a result tells it";
    EXPECT_NE(strstr(pmem2_errormsg(), "Input/output error"), nullptr);
}

}  // namespace

// The linker sends the library's msync here (--wrap).
extern "C" int __real_msync(void* address, size_t size, int flags);
extern "C" int __wrap_msync(void* address, size_t size, int flags);
int __wrap_msync(void* address, size_t size, int flags) {
    ++syncs;
    synced += size;
    if (sync_error != 0) {
        errno = sync_error;
        return -1;
    }
    return __real_msync(address, size, flags);
}
