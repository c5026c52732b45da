// Pointers that a heap did not return, or that are given back under a wrong name. memkind crashed on the
// first and mixed kinds up on the second.
#include <memkind.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include "tests/kinds/faults_fixture.hpp"

namespace {

using namespace terrace::tests;

class FaultyPointers : public EverySortOfKind {};
TERRACE_ON_EVERY_SORT_OF_KIND(FaultyPointers);

void* at(std::uintptr_t address) {
    return reinterpret_cast<void*>(address);
}

// Addresses of all sorts that no kind ever returned. Those on the heap of the C library are freed at the end.
class ForeignPointers {
  public:
    ForeignPointers() : from_libc_{std::malloc(24), std::malloc(5000), std::malloc(20 * kMiB)} {
        static char in_the_data[100];
        const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        mapped_ = static_cast<char*>(
            mmap(nullptr, 64 * kMiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        munmap(mapped_ + 32 * kMiB, 32 * kMiB);
        pointers_ = {&on_the_stack_,
                     &on_the_stack_[1],
                     &on_the_stack_[13],
                     in_the_data,
                     in_the_data + 1,
                     reinterpret_cast<void*>(&memkind_malloc),
                     reinterpret_cast<void*>(&std::abort),
                     const_cast<char*>("text"),
                     mapped_,
                     mapped_ + 16,
                     mapped_ + page,
                     mapped_ + 4 * kMiB,
                     mapped_ + 32 * kMiB,  // unmapped
                     mapped_ + 63 * kMiB,
                     at(1),
                     at(8),
                     at(4095),
                     at(4096),
                     at(0x10001),
                     at((std::uintptr_t{1} << 47) - 4096),
                     at((std::uintptr_t{1} << 47) - 1),
                     at(std::uintptr_t{1} << 47),
                     at(std::uintptr_t{1} << 48),
                     at((std::uintptr_t{1} << 56) + 16),
                     at(std::uintptr_t{1} << 57),
                     at(std::uintptr_t{1} << 63),
                     at(UINTPTR_MAX - 4096),
                     at(UINTPTR_MAX - 4095),
                     at(UINTPTR_MAX - 15),
                     at(UINTPTR_MAX)};
        for (void* const block : from_libc_) {
            pointers_.push_back(block);
            pointers_.push_back(static_cast<char*>(block) + 8);
        }
    }
    ~ForeignPointers() {
        for (void* const block : from_libc_)
            std::free(block);  // aborts when one of them was freed before
        munmap(mapped_, 32 * kMiB);
    }
    ForeignPointers(const ForeignPointers&) = delete;
    ForeignPointers& operator=(const ForeignPointers&) = delete;

    const std::vector<void*>& all() const { return pointers_; }

  private:
    char on_the_stack_[100] = {};
    char* mapped_;
    std::vector<void*> from_libc_;
    std::vector<void*> pointers_;
};

TEST_P(FaultyPointers, ForeignOnesBelongToNobody) {
    void* const own = memkind_malloc(kind_, 100);
    const ForeignPointers foreign;
    for (void* const pointer : foreign.all()) {
        EXPECT_EQ(memkind_detect_kind(pointer), nullptr) << pointer;
        EXPECT_EQ(memkind_malloc_usable_size(nullptr, pointer), 0U) << pointer;
        EXPECT_EQ(memkind_malloc_usable_size(kind_, pointer), 0U) << pointer;
    }
    memkind_free(kind_, own);
}

TEST_P(FaultyPointers, ForeignOnesAreNeitherFreedNorMoved) {
    void* const own = memkind_malloc(kind_, 100);
    const ForeignPointers foreign;
    for (void* const pointer : foreign.all())
        for (memkind_t const named : {kind_, other(), memkind_t{nullptr}}) {
            errno = 4711;
            memkind_free(named, pointer);
            EXPECT_EQ(errno, 4711);
            EXPECT_EQ(memkind_defrag_reallocate(named, pointer), nullptr) << pointer;
            for (const std::size_t size : {std::size_t{1}, std::size_t{5000}, 8 * kMiB, SIZE_MAX}) {
                errno = 0;
                EXPECT_EQ(memkind_realloc(named, pointer, size), nullptr) << pointer;
                EXPECT_TRUE(errno == EINVAL || (size == SIZE_MAX && errno == ENOMEM)) << pointer;
            }
            EXPECT_EQ(memkind_realloc(named, pointer, 0), nullptr) << pointer;
        }
    // Nothing of it has found its way into a cache.
    std::set<void*> pointers(foreign.all().begin(), foreign.all().end());
    std::vector<void*> blocks;
    for (int i = 0; i < 2000; ++i) {
        blocks.push_back(memkind_malloc(i % 2 == 0 ? kind_ : other(), static_cast<std::size_t>(8 + i % 200)));
        EXPECT_EQ(pointers.count(blocks.back()), 0U);
    }
    for (void* const block : blocks)
        memkind_free(nullptr, block);
    memkind_free(kind_, own);
}

TEST_P(FaultyPointers, InteriorOnesAreOfTheBlocksKind) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{100}, std::size_t{3000}, std::size_t{14'000},
                                   std::size_t{40'000}, std::size_t{300'000}, 5 * kMiB, 40 * kMiB}) {
        auto* const block = static_cast<char*>(memkind_malloc(kind_, size));
        ASSERT_NE(block, nullptr);
        for (const std::size_t offset : {std::size_t{0}, std::size_t{1}, size / 3, size / 2, size - 1})
            if (offset < size) {
                EXPECT_EQ(memkind_detect_kind(block + offset), kind_) << "byte " << offset << " of " << size;
            }
        memkind_free(kind_, block);
    }
}

TEST_P(FaultyPointers, AWrongKindNamedInFreePutsNoBlockIntoTheWrongKind) {
    for (const std::size_t size : {std::size_t{8}, std::size_t{48}, std::size_t{1000}, std::size_t{5000},
                                   std::size_t{20'000}, std::size_t{100'000}, 2 * kMiB}) {
        const int count = size < 10'000 ? 500 : 20;
        for (const auto& [from, named] : {std::pair{kind_, other()}, std::pair{other(), kind_}}) {
            std::vector<void*> blocks;
            for (int i = 0; i < count; ++i)
                blocks.push_back(memkind_malloc(from, size));
            const std::set<void*> freed(blocks.begin(), blocks.end());
            for (void* const block : blocks)
                memkind_free(named, block);
            blocks.clear();
            for (int i = 0; i < 2 * count; ++i) {
                blocks.push_back(memkind_malloc(named, size));
                ASSERT_EQ(memkind_detect_kind(blocks.back()), named) << size;
                ASSERT_EQ(freed.count(blocks.back()), 0U)
                    << "memory of one kind came out of another, in blocks of " << size;
            }
            for (void* const block : blocks)
                memkind_free(named, block);
        }
    }
}

TEST_P(FaultyPointers, AWrongKindNamedByManyThreadsPutsNoBlockIntoTheWrongKind) {
    std::atomic<int> strays = 0;
    std::vector<std::thread> threads;
    for (int id = 0; id < 4; ++id)
        threads.emplace_back([&, id] {
            std::vector<void*> blocks(40);
            for (int round = 0; round < 1000; ++round) {
                memkind_t const from = (round + id) % 2 == 0 ? kind_ : other();
                memkind_t const named = from == kind_ ? other() : kind_;
                const auto size = static_cast<std::size_t>(8 + (round * 37 + id) % 3000);
                for (void*& block : blocks) {
                    block = memkind_malloc(from, size);
                    if (block == nullptr || memkind_detect_kind(block) != from)
                        ++strays;
                }
                for (void* const block : blocks)
                    memkind_free(named, block);
            }
        });
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(strays, 0);
}

TEST_P(FaultyPointers, AWrongKindNamedInUsableSizeChangesNothing) {
    for (const std::size_t size : {std::size_t{50}, std::size_t{5000}, 3 * kMiB}) {
        void* const block = memkind_malloc(kind_, size);
        const std::size_t usable = memkind_malloc_usable_size(kind_, block);
        EXPECT_GE(usable, size);
        EXPECT_EQ(memkind_malloc_usable_size(other(), block), usable);
        EXPECT_EQ(memkind_malloc_usable_size(nullptr, block), usable);
        std::memset(block, 1, usable);
        memkind_free(kind_, block);
    }
}

TEST_P(FaultyPointers, ReallocMovesABlockToTheKindThatIsNamed) {
    const auto filled_with = [](const char* block, std::size_t size, char with) {
        for (std::size_t i = 0; i < size; ++i)
            if (block[i] != with)
                return false;
        return true;
    };
    for (const std::size_t size :
         {std::size_t{10}, std::size_t{500}, std::size_t{9000}, std::size_t{200'000}, 5 * kMiB})
        for (const std::size_t to_size : {size / 2 + 1, size, size * 2}) {
            auto* block = static_cast<char*>(memkind_malloc(other(), size));
            std::memset(block, 'r', size);
            block = static_cast<char*>(memkind_realloc(kind_, block, to_size));
            ASSERT_NE(block, nullptr);
            EXPECT_EQ(memkind_detect_kind(block), kind_) << size << " to " << to_size;
            EXPECT_TRUE(filled_with(block, std::min(size, to_size), 'r'));
            std::memset(block, 's', to_size);
            block = static_cast<char*>(memkind_realloc(other(), block, size));
            ASSERT_NE(block, nullptr);
            EXPECT_EQ(memkind_detect_kind(block), other());
            EXPECT_TRUE(filled_with(block, std::min(size, to_size), 's'));
            memkind_free(nullptr, block);
        }
}

TEST_P(FaultyPointers, AThousandThreadsAtOnceFreeEachOthersBlocks) {
    constexpr std::size_t kThreads = 1000;
    std::vector<std::atomic<void*>> slots(kThreads);
    std::atomic<bool> go = false;
    std::atomic<int> faults = 0;
    std::vector<std::thread> threads;
    for (std::size_t id = 0; id < kThreads; ++id)
        threads.emplace_back([&, id] {
            while (!go)
                std::this_thread::yield();
            for (std::size_t i = 0; i < 20; ++i) {
                auto* const block = static_cast<char*>(memkind_malloc(kind_, 64 + i * 10));
                if (block == nullptr || memkind_detect_kind(block) != kind_) {
                    ++faults;
                    continue;
                }
                std::memset(block, static_cast<int>(id), 64);
                memkind_free(nullptr, slots[(id * 31 + i * 7) % kThreads].exchange(block));
            }
        });
    go = true;
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(faults, 0);
    for (auto& slot : slots)
        memkind_free(nullptr, slot);
}

TEST(PointersOfADestroyedKind, BelongToNobody) {
    for (const char* const sort : {"FILE_IN_MEMORY", "FIXED"}) {
        std::vector<void*> blocks;
        {
            const SomeKind gone(sort);
            for (const std::size_t size :
                 {std::size_t{10}, std::size_t{5000}, std::size_t{100'000}, 8 * kMiB})
                blocks.push_back(memkind_malloc(gone.get(), size));
        }
        for (void* const block : blocks) {
            ASSERT_NE(block, nullptr);
            EXPECT_EQ(memkind_detect_kind(block), nullptr) << sort;
            EXPECT_EQ(memkind_malloc_usable_size(nullptr, block), 0U);
            errno = 0;
            EXPECT_EQ(memkind_realloc(MEMKIND_DEFAULT, block, 100), nullptr);
            EXPECT_EQ(errno, EINVAL);
            EXPECT_EQ(memkind_defrag_reallocate(nullptr, block), nullptr);
            memkind_free(nullptr, block);
            memkind_free(MEMKIND_DEFAULT, block);
        }
    }
}

}  // namespace
