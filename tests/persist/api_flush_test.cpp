// The flush layer: the table of methods, copies of every size and alignment by every instruction set that
// this CPU has, and the register of durable ranges. Nothing here can tell whether a line really reached a
// medium; it can tell that the right ones were asked for.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "persist/flush/auto_flush.hpp"
#include "persist/flush/cpu.hpp"
#include "persist/flush/flush.hpp"
#include "persist/flush/ranges.hpp"

namespace terrace::persist {
namespace {

using Environment = std::map<std::string, std::string>;

// Chooses methods under an environment, and goes back to the usual ones at the end.
class UnderEnvironment {
  public:
    explicit UnderEnvironment(const Environment& environment) : environment_(environment) {
        for (const auto& [name, value] : environment_)
            setenv(name.c_str(), value.c_str(), 1);
        use_flush_methods(nullptr);
        (void)flush_methods();
    }
    ~UnderEnvironment() {
        for (const auto& [name, value] : environment_)
            unsetenv(name.c_str());
        use_flush_methods(nullptr);
    }
    UnderEnvironment(const UnderEnvironment&) = delete;
    UnderEnvironment& operator=(const UnderEnvironment&) = delete;

  private:
    Environment environment_;
};

const Environment kEnvironments[] = {
    {},
    {{"PMEM_AVX512F", "0"}},
    {{"PMEM_AVX", "0"}},
    {{"PMEM_NO_MOVNT", "1"}},
    {{"PMEM_MOVNT_THRESHOLD", "0"}},
    {{"PMEM_NO_CLWB", "1"}},
    {{"PMEM_NO_CLWB", "1"}, {"PMEM_NO_CLFLUSHOPT", "1"}},
    {{"PMEM_NO_FLUSH", "1"}},
};

std::string text_of(const Environment& environment) {
    std::string text;
    for (const auto& [name, value] : environment)
        text += name + "=" + value + " ";
    return text.empty() ? "(nothing set)" : text;
}

TEST(FlushMethods, CopyLikeMemmoveInEveryEnvironment) {
    constexpr std::size_t kArea = 4096;
    for (const Environment& environment : kEnvironments) {
        const UnderEnvironment under(environment);
        const unsigned seed = 20261121;
        std::mt19937 random(seed);
        alignas(64) char got[kArea];
        char expected[kArea];
        for (int round = 0; round < 3000; ++round) {
            for (std::size_t i = 0; i < kArea; ++i)
                got[i] = expected[i] = static_cast<char>(random());
            const std::size_t size = random() % (round % 2 == 0 ? 100 : 1500);
            const std::size_t from = random() % (kArea - size);
            const std::size_t to = round % 3 == 0 ? std::min(kArea - size, from + random() % 64)
                                                  : random() % (kArea - size);  // often overlapping
            const CopyHint hint = static_cast<CopyHint>(random() % 3);
            copy_and_write_back(got + to, got + from, size, hint);
            fence();
            memmove(expected + to, expected + from, size);
            ASSERT_EQ(memcmp(got, expected, kArea), 0)
                << text_of(environment) << "seed " << seed << " round " << round << " size " << size
                << " from " << from << " to " << to;
        }
    }
}

TEST(FlushMethods, FillLikeMemsetInEveryEnvironment) {
    constexpr std::size_t kArea = 1024;
    for (const Environment& environment : kEnvironments) {
        const UnderEnvironment under(environment);
        alignas(64) char got[kArea] = {};
        char expected[kArea] = {};
        for (std::size_t at = 0; at < 70; ++at) {
            for (std::size_t size = 0; size < 600; size += size < 80 ? 1 : 61) {
                const unsigned char value = static_cast<unsigned char>(at * 3 + size);
                const CopyHint hint = static_cast<CopyHint>(size % 3);
                fill_and_write_back(got + at, value, size, hint);
                memset(expected + at, value, size);
                ASSERT_EQ(memcmp(got, expected, kArea), 0)
                    << text_of(environment) << "at " << at << " size " << size;
            }
        }
    }
}

TEST(FlushMethods, AreWhatTheEnvironmentAllows) {
    {
        const UnderEnvironment under(
            {{"PMEM_NO_CLWB", "1"}, {"PMEM_NO_CLFLUSHOPT", "1"}, {"PMEM_NO_FLUSH", "0"}});
        EXPECT_STRNE(flush_methods().name, "clwb");
        EXPECT_STRNE(flush_methods().name, "clflushopt");
    }
    {
        const UnderEnvironment under(Environment{{"PMEM_NO_MOVNT", "1"}});
        EXPECT_EQ(flush_methods().stream_lines, nullptr);
    }
    {
        const UnderEnvironment under(Environment{{"PMEM_NO_FLUSH", "1"}});
        EXPECT_TRUE(flush_methods().caches_are_durable);
    }
    {
        const UnderEnvironment under(Environment{{"PMEM_MOVNT_THRESHOLD", "12345"}});
        EXPECT_EQ(flush_methods().stream_from, 12345U);
    }
    {
        const UnderEnvironment under(Environment{{"PMEM_MOVNT_THRESHOLD", "-7 bytes"}});
        EXPECT_EQ(flush_methods().stream_from, 256U) << "nonsense must not change anything";
    }
}

// A table that writes down which lines were written back or streamed.
std::vector<std::uintptr_t> lines_seen;
int fences_seen = 0;

void see_write_back(const void* address, std::size_t size) {
    const std::uintptr_t begin = reinterpret_cast<std::uintptr_t>(address);
    for (std::uintptr_t at = begin & ~(kCacheLine - 1); size != 0 && at < begin + size; at += kCacheLine)
        lines_seen.push_back(at);
}

void see_stream(void* to, const void* from, std::size_t lines) {
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(to) % kCacheLine, 0U);
    memcpy(to, from, lines * kCacheLine);
    see_write_back(to, lines * kCacheLine);
}

void see_fill(void* to, unsigned char value, std::size_t lines) {
    ASSERT_EQ(reinterpret_cast<std::uintptr_t>(to) % kCacheLine, 0U);
    memset(to, value, lines * kCacheLine);
    see_write_back(to, lines * kCacheLine);
}

void see_fence() {
    ++fences_seen;
}

TEST(FlushMethods, SeeEachLineOfACopyOnce) {
    const FlushMethods watcher = {"watcher", 256, false, see_write_back, see_stream, see_fill, see_fence};
    const FlushMethods* const before = use_flush_methods(&watcher);
    alignas(64) static char area[8192];
    static char source[8192];
    for (std::size_t at = 0; at < 130; ++at) {
        for (const std::size_t size : {0U, 1U, 7U, 8U, 63U, 64U, 65U, 255U, 256U, 257U, 320U, 1000U, 4096U}) {
            for (const bool fill : {false, true}) {
                lines_seen.clear();
                if (fill)
                    fill_and_write_back(area + at, 'f', size);
                else
                    copy_and_write_back(area + at, source, size);
                std::vector<std::uintptr_t> seen;
                seen.swap(lines_seen);
                std::sort(seen.begin(), seen.end());
                see_write_back(area + at, size);
                ASSERT_EQ(seen, lines_seen) << "at " << at << " size " << size << (fill ? " fill" : " copy");
            }
        }
    }
    fences_seen = 0;
    write_back_and_fence(area, 100);
    EXPECT_EQ(fences_seen, 1);
    use_flush_methods(before);
}

// Words that are all ones or all zeros, written by one thread, while another looks for a word that is neither.
TEST(FlushMethods, NeverTearAWord) {
    constexpr std::size_t kWords = 64;
    for (const Environment& environment : kEnvironments) {
        const UnderEnvironment under(environment);
        alignas(64) static std::uint64_t words[kWords + 8];
        memset(words, 0, sizeof words);
        std::atomic<bool> is_done{false};
        std::thread writer([&] {
            std::uint64_t source[kWords];
            std::mt19937 random(1);
            for (int round = 0; round < 30000; ++round) {
                const std::size_t count = 1 + random() % kWords;
                const std::size_t at = random() % (kWords - count + 1);
                const auto hint = static_cast<CopyHint>(random() % 3);
                memset(source, round % 2 == 0 ? 0xff : 0, sizeof source);
                if (round % 3 == 0)
                    fill_and_write_back(words + at, round % 2 == 0 ? 0xff : 0, count * 8, hint);
                else
                    copy_and_write_back(words + at, source, count * 8, hint);
                if (round % 7 == 0)  // over its own source
                    copy_and_write_back(words + at + 1, words + at, count * 8, hint);
            }
            fence();
            is_done.store(true);
        });
        std::uint64_t torn = 0;
        while (!is_done.load()) {
            for (std::uint64_t& word : words) {
                const std::uint64_t seen = __atomic_load_n(&word, __ATOMIC_RELAXED);
                if (seen != 0 && seen != ~std::uint64_t{0})
                    torn = seen;
            }
        }
        writer.join();
        EXPECT_EQ(torn, 0U) << text_of(environment);
    }
}

TEST(FlushMethods, OfAnyOtherMachineSyncAFile) {
    FlushMethods portable = {};
    portable_methods(&portable);
    portable.stream_from = 256;
    const FlushMethods* const before = use_flush_methods(&portable);
    char path[] = "/tmp/terrace-flush-XXXXXX";
    const int fd = mkstemp(path);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(ftruncate(fd, 8192), 0);
    char* const file = static_cast<char*>(mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
    ASSERT_NE(file, MAP_FAILED);
    copy_and_write_back(file + 4000, "across two pages", 17);
    fill_and_write_back(file, 'x', 1000, CopyHint::kStreamed);
    write_back_and_fence(file + 4000, 500);
    write_back_always(file, 1);
    EXPECT_STREQ(file + 4000, "across two pages");
    munmap(file, 8192);
    close(fd);
    unlink(path);
    use_flush_methods(before);
}

class NvdimmRegions : public testing::Test {
  protected:
    void SetUp() override { ASSERT_NE(mkdtemp(directory_), nullptr); }
    void TearDown() override { [[maybe_unused]] const int result = system(("rm -r " + path()).c_str()); }
    std::string path() const { return directory_; }
    void add(const std::string& name, const char* domain) {
        ASSERT_EQ(mkdir((path() + "/" + name).c_str(), 0700), 0);
        if (domain != nullptr)
            std::ofstream(path() + "/" + name + "/persistence_domain") << domain;
    }

  private:
    char directory_[32] = "/tmp/terrace-regions-XXXXXX";
};

TEST_F(NvdimmRegions, FlushCachesWhenAllOfThemDo) {
    add("ndbus0", nullptr);
    add("region0", "cpu_cache\n");
    add("region1", "cpu_cache\n");
    EXPECT_EQ(platform_flushes_caches(path().c_str()), 1);
}

TEST_F(NvdimmRegions, DoNotFlushCachesWhenOneDoesNotOrDoesNotSay) {
    EXPECT_EQ(platform_flushes_caches(path().c_str()), 0) << "there is none";
    EXPECT_EQ(platform_flushes_caches("/there/is/no/such/directory"), 0);
    add("region0", "cpu_cache\n");
    add("region1", "memory_controller\n");
    EXPECT_EQ(platform_flushes_caches(path().c_str()), 0);
}

TEST_F(NvdimmRegions, OfOldKernelsDoNotSay) {
    add("region0", nullptr);
    EXPECT_EQ(platform_flushes_caches(path().c_str()), 0);
}

TEST(DurableRanges, CoverWhatWasRememberedAndNotWhatWasForgotten) {
    const std::uintptr_t base = 0x100000;
    ASSERT_TRUE(remember_durable_range({base + 0x3000, base + 0x5000, Medium::kDeviceDax, 2}));
    ASSERT_TRUE(remember_durable_range({base, base + 0x3000, Medium::kFileWithMapSync, -1}));
    EXPECT_TRUE(is_durable(base, base + 0x5000)) << "two neighbours cover the range together";
    EXPECT_TRUE(is_durable(base + 1, base + 2));
    EXPECT_FALSE(is_durable(base, base + 0x5001));
    EXPECT_FALSE(is_durable(base - 1, base + 1));

    ASSERT_TRUE(forget_durable_range(base + 0x1000, base + 0x2000));  // a hole
    EXPECT_TRUE(is_durable(base, base + 0x1000));
    EXPECT_FALSE(is_durable(base + 0x1000, base + 0x2000));
    EXPECT_FALSE(is_durable(base, base + 0x3000));
    EXPECT_TRUE(is_durable(base + 0x2000, base + 0x5000));

    DurableRange found = {};
    ASSERT_TRUE(first_durable_range(base + 0x1000, base + 0x5000, &found));
    EXPECT_EQ(found.begin, base + 0x2000);
    ASSERT_TRUE(first_durable_range(base + 0x4000, base + 0x5000, &found));
    EXPECT_EQ(found.region, 2);

    ASSERT_TRUE(forget_durable_range(base + 0x2800, base + 0x4000));  // the end of one, the start of another
    EXPECT_TRUE(is_durable(base + 0x2000, base + 0x2800));
    EXPECT_FALSE(is_durable(base + 0x2800, base + 0x2801));
    EXPECT_TRUE(is_durable(base + 0x4000, base + 0x5000));
    ASSERT_TRUE(forget_durable_range(0, UINTPTR_MAX));
    EXPECT_FALSE(first_durable_range(0, UINTPTR_MAX, &found));
}

}  // namespace
}  // namespace terrace::persist
