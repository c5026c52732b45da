// The C++ allocators over kinds: containers in them, and what happens when those are copied, moved and swapped.
#include <fixed_allocator.h>
#include <gtest/gtest.h>
#include <hbw_allocator.h>
#include <memkind_allocator.h>
#include <memkind_pmr.h>
#include <pmem_allocator.h>

#include <atomic>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <memory_resource>
#include <new>
#include <scoped_allocator>
#include <string>
#include <thread>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "tests/support/temporary_directory.hpp"

namespace everywhere {
bool every_allocator(const char* directory);
}

namespace {

using StaticAllocator = libmemkind::static_kind::allocator<int>;
using FileAllocator = libmemkind::pmem::allocator<int>;
using FixedAllocator = libmemkind::fixed::allocator<int>;
using AnyAllocator = terrace::allocator<int>;
using libmemkind::kinds;

constexpr std::size_t kFileSize = 64 << 20;

// A file kind that ends with the test.
class FileKind {
  public:
    FileKind() { EXPECT_EQ(memkind_create_pmem(directory_.path(), 0, &kind_), MEMKIND_SUCCESS); }
    ~FileKind() { memkind_destroy_kind(kind_); }
    memkind_t get() const { return kind_; }

  private:
    terrace::tests::TemporaryDirectory directory_;
    memkind_t kind_ = nullptr;
};

template <typename Container>
memkind_t kind_of_contents(Container& container) {
    return memkind_detect_kind(const_cast<void*>(static_cast<const void*>(&*container.begin())));
}

TEST(CppAllocators, ServeEveryContainer) {
    const terrace::tests::TemporaryDirectory directory;
    EXPECT_TRUE(everywhere::every_allocator(directory.path()));
}

// ---- static kinds ----

TEST(StaticKindAllocator, TakesEveryNamedKind) {
    const struct {
        kinds name;
        memkind_t kind;
    } named[] = {
        {kinds::DEFAULT, MEMKIND_DEFAULT},
        {kinds::HUGETLB, MEMKIND_HUGETLB},
        {kinds::INTERLEAVE, MEMKIND_INTERLEAVE},
        {kinds::HBW, MEMKIND_HBW},
        {kinds::HBW_ALL, MEMKIND_HBW_ALL},
        {kinds::HBW_HUGETLB, MEMKIND_HBW_HUGETLB},
        {kinds::HBW_ALL_HUGETLB, MEMKIND_HBW_ALL_HUGETLB},
        {kinds::HBW_PREFERRED, MEMKIND_HBW_PREFERRED},
        {kinds::HBW_PREFERRED_HUGETLB, MEMKIND_HBW_PREFERRED_HUGETLB},
        {kinds::HBW_INTERLEAVE, MEMKIND_HBW_INTERLEAVE},
        {kinds::REGULAR, MEMKIND_REGULAR},
        {kinds::DAX_KMEM, MEMKIND_DAX_KMEM},
        {kinds::DAX_KMEM_ALL, MEMKIND_DAX_KMEM_ALL},
        {kinds::DAX_KMEM_PREFERRED, MEMKIND_DAX_KMEM_PREFERRED},
        {kinds::DAX_KMEM_INTERLEAVE, MEMKIND_DAX_KMEM_INTERLEAVE},
        {kinds::HIGHEST_CAPACITY, MEMKIND_HIGHEST_CAPACITY},
        {kinds::HIGHEST_CAPACITY_PREFERRED, MEMKIND_HIGHEST_CAPACITY_PREFERRED},
        {kinds::HIGHEST_CAPACITY_LOCAL, MEMKIND_HIGHEST_CAPACITY_LOCAL},
        {kinds::HIGHEST_CAPACITY_LOCAL_PREFERRED, MEMKIND_HIGHEST_CAPACITY_LOCAL_PREFERRED},
        {kinds::LOWEST_LATENCY_LOCAL, MEMKIND_LOWEST_LATENCY_LOCAL},
        {kinds::LOWEST_LATENCY_LOCAL_PREFERRED, MEMKIND_LOWEST_LATENCY_LOCAL_PREFERRED},
        {kinds::HIGHEST_BANDWIDTH_LOCAL, MEMKIND_HIGHEST_BANDWIDTH_LOCAL},
        {kinds::HIGHEST_BANDWIDTH_LOCAL_PREFERRED, MEMKIND_HIGHEST_BANDWIDTH_LOCAL_PREFERRED},
    };
    for (const auto& each : named)
        EXPECT_EQ(StaticAllocator(each.name).kind(), each.kind) << static_cast<int>(each.name);
    EXPECT_EQ(static_cast<int>(kinds::HIGHEST_BANDWIDTH_LOCAL_PREFERRED), 22);
}

TEST(StaticKindAllocator, RefusesAKindThatDoesNotExist) {
    EXPECT_THROW(StaticAllocator(static_cast<kinds>(23)), std::runtime_error);
    EXPECT_THROW(StaticAllocator(static_cast<kinds>(-1)), std::runtime_error);
}

TEST(StaticKindAllocator, ComparesByKind) {
    const StaticAllocator regular(kinds::REGULAR);
    const libmemkind::static_kind::allocator<char> same(kinds::REGULAR);
    const StaticAllocator other(kinds::DEFAULT);
    EXPECT_TRUE(regular == same);
    EXPECT_FALSE(regular != same);
    EXPECT_TRUE(regular != other);
    EXPECT_FALSE(regular == other);
}

TEST(StaticKindAllocator, PutsTheContentsIntoItsKind) {
    std::vector<int, StaticAllocator> numbers(1000, 3, StaticAllocator(kinds::REGULAR));
    EXPECT_EQ(kind_of_contents(numbers), MEMKIND_REGULAR);
}

TEST(StaticKindAllocator, HasNoDefault) {
    EXPECT_FALSE(std::is_default_constructible_v<StaticAllocator>);
    EXPECT_FALSE((std::is_convertible_v<kinds, StaticAllocator>));
}

TEST(StaticKindAllocator, ReportsMemoryThatIsNotThere) {
    StaticAllocator allocator(kinds::LOWEST_LATENCY_LOCAL);
    if (memkind_check_available(allocator.kind()) == MEMKIND_SUCCESS)
        GTEST_SKIP() << "this machine's firmware tells latencies, so the kind is available";
    EXPECT_THROW(allocator.allocate(1), std::bad_alloc);
}

// ---- what all have in common ----

template <typename Allocator>
class EveryAllocator : public testing::Test {
  public:
    static Allocator make() {
        if constexpr (std::is_same_v<Allocator, StaticAllocator>)
            return StaticAllocator(kinds::REGULAR);
        else if constexpr (std::is_same_v<Allocator, FileAllocator>)
            return FileAllocator("/tmp", kFileSize);
        else if constexpr (std::is_same_v<Allocator, FixedAllocator>)
            return FixedAllocator(buffer(), 4 << 20);
        else if constexpr (std::is_same_v<Allocator, AnyAllocator>)
            return AnyAllocator(MEMKIND_REGULAR);
        else
            return Allocator();
    }
    static char* buffer() {
        alignas(4096) static char memory[8 << 20];
        return memory;
    }
    template <typename T>
    using Rebound = typename std::allocator_traits<Allocator>::template rebind_alloc<T>;
};
using Allocators =
    testing::Types<StaticAllocator, FileAllocator, FixedAllocator, AnyAllocator, hbw::allocator<int>>;
TYPED_TEST_SUITE(EveryAllocator, Allocators);

TYPED_TEST(EveryAllocator, RefusesMoreThanThereAreAddresses) {
    TypeParam allocator = this->make();
    // SIZE_MAX / 4 + 2 ints would be 4 bytes.
    EXPECT_THROW(allocator.allocate(SIZE_MAX / sizeof(int) + 2), std::bad_array_new_length);
    EXPECT_THROW(allocator.allocate(SIZE_MAX / sizeof(int)), std::bad_alloc);
    EXPECT_THROW(allocator.allocate(SIZE_MAX), std::bad_array_new_length);
}

template <std::size_t kAlignment>
struct alignas(kAlignment) Aligned {
    char byte;
};

template <std::size_t kAlignment, typename Allocator>
void expect_alignment_is_honoured(const Allocator& allocator) {
    typename std::allocator_traits<Allocator>::template rebind_alloc<Aligned<kAlignment>> rebound(allocator);
    for (const std::size_t count : {1u, 2u, 3u, 10u, 100u}) {
        Aligned<kAlignment>* const memory = rebound.allocate(count);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % kAlignment, 0u) << kAlignment << " x " << count;
        rebound.deallocate(memory, count);
    }
}

TYPED_TEST(EveryAllocator, HonoursTheTypesAlignment) {
    const TypeParam allocator = this->make();
    expect_alignment_is_honoured<16>(allocator);
    expect_alignment_is_honoured<32>(allocator);
    expect_alignment_is_honoured<64>(allocator);
    expect_alignment_is_honoured<256>(allocator);
    expect_alignment_is_honoured<4096>(allocator);
}

TYPED_TEST(EveryAllocator, GivesRoomForNothing) {
    TypeParam allocator = this->make();
    int* const nothing = allocator.allocate(0);
    EXPECT_NE(nothing, nullptr);
    allocator.deallocate(nothing, 0);
}

TYPED_TEST(EveryAllocator, CanBeUsedAfterItWasMovedFrom) {
    TypeParam allocator = this->make();
    const TypeParam moved = std::move(allocator);
    EXPECT_TRUE(allocator == moved);
    int* const memory = allocator.allocate(10);
    ASSERT_NE(memory, nullptr);
    TypeParam target = moved;
    target = std::move(allocator);
    target.deallocate(memory, 10);
    allocator.deallocate(allocator.allocate(1), 1);
}

TYPED_TEST(EveryAllocator, LeavesAContainerUsableThatWasMovedFrom) {
    std::vector<int, TypeParam> first(100, 1, this->make());
    std::vector<int, TypeParam> second = std::move(first);
    first.push_back(1);
    first = std::move(second);
    second.push_back(2);
    EXPECT_EQ(first.size(), 100u);
    EXPECT_EQ(second.back(), 2);
}

TYPED_TEST(EveryAllocator, MovesAContainerWithoutMovingItsElements) {
    std::vector<int, TypeParam> first(100, 1, this->make());
    const int* const data = first.data();
    std::vector<int, TypeParam> second(first.get_allocator());
    second = std::move(first);
    EXPECT_EQ(second.data(), data);
    EXPECT_TRUE((std::is_nothrow_move_assignable_v<std::vector<int, TypeParam>>));
}

TYPED_TEST(EveryAllocator, IsConvertedToOtherTypesAndBack) {
    const TypeParam allocator = this->make();
    typename TestFixture::template Rebound<double> doubles(allocator);
    const TypeParam back(doubles);
    EXPECT_TRUE(allocator == doubles);
    EXPECT_TRUE(back == allocator);
}

// ---- between kinds ----

TEST(BetweenKinds, MovingAContainerTakesItsKindAlong) {
    std::vector<int, StaticAllocator> regular(100, 1, StaticAllocator(kinds::REGULAR));
    std::vector<int, StaticAllocator> target(10, 2, StaticAllocator(kinds::DEFAULT));
    target = std::move(regular);
    EXPECT_EQ(kind_of_contents(target), MEMKIND_REGULAR);
    EXPECT_EQ(target.size(), 100u);
    target.resize(100000);
    EXPECT_EQ(kind_of_contents(target), MEMKIND_REGULAR);
}

TEST(BetweenKinds, SwappingContainersSwapsTheirKinds) {
    std::vector<int, StaticAllocator> one(100, 1, StaticAllocator(kinds::REGULAR));
    std::vector<int, StaticAllocator> other(10, 2, StaticAllocator(kinds::DEFAULT));
    std::swap(one, other);
    EXPECT_EQ(kind_of_contents(one), MEMKIND_DEFAULT);
    EXPECT_EQ(kind_of_contents(other), MEMKIND_REGULAR);
    one.resize(100000);
    other.clear();
    other.shrink_to_fit();
}

TEST(BetweenKinds, CopyingTheContentsLeavesTheTargetInItsKind) {
    const std::vector<int, StaticAllocator> regular(100, 1, StaticAllocator(kinds::REGULAR));
    std::vector<int, StaticAllocator> target{StaticAllocator(kinds::DEFAULT)};
    target = regular;
    EXPECT_EQ(kind_of_contents(target), MEMKIND_DEFAULT);
    std::vector<int, StaticAllocator> copy(regular);
    EXPECT_EQ(kind_of_contents(copy), MEMKIND_REGULAR);
}

TEST(BetweenKinds, NodesMoveWithTheirList) {
    FileAllocator one("/tmp", kFileSize);
    std::list<int, FileAllocator> target{FileAllocator("/tmp", kFileSize)};
    target.push_back(1);
    {
        std::list<int, FileAllocator> source(one);
        source.assign(10, 2);
        target = std::move(source);
    }
    EXPECT_EQ(target.size(), 10u);
    EXPECT_EQ(kind_of_contents(target), one.kind());
}

// ---- kinds that allocators own ----

TEST(PmemAllocator, TellsBadArgumentsFromTrouble) {
    EXPECT_THROW(FileAllocator("/no/such/directory", 0), std::invalid_argument);
    EXPECT_THROW(FileAllocator("/tmp", 1), std::invalid_argument);
    EXPECT_THROW(FileAllocator(std::string("/tmp"), 1), std::invalid_argument);
    EXPECT_THROW(FileAllocator("/tmp", 0, libmemkind::allocation_policy::MAX), std::invalid_argument);
    EXPECT_THROW(FileAllocator(nullptr, kFileSize), std::invalid_argument);
    try {
        FileAllocator("/no/such/directory", 0);
    } catch (const std::invalid_argument& error) {
        EXPECT_NE(std::string(error.what()).find("-13"), std::string::npos) << error.what();
    }
}

TEST(PmemAllocator, TakesAPolicy) {
    FileAllocator frugal(std::string("/tmp"), kFileSize, libmemkind::allocation_policy::CONSERVATIVE);
    frugal.deallocate(frugal.allocate(1 << 20), 1 << 20);
}

TEST(PmemAllocator, ThrowsWhenItsFileIsFull) {
    FileAllocator allocator("/tmp", MEMKIND_PMEM_MIN_SIZE);
    EXPECT_THROW(allocator.allocate(MEMKIND_PMEM_MIN_SIZE), std::bad_alloc);
}

TEST(PmemAllocator, KeepsItsKindWhileAContainerNeedsIt) {
    using Map = std::map<int, std::string, std::less<int>,
                         libmemkind::pmem::allocator<std::pair<const int, std::string>>>;
    const auto make = [] {
        FileAllocator allocator("/tmp", kFileSize);
        Map map{std::less<int>(), Map::allocator_type(allocator)};
        map.emplace(1, "one");
        return map;
    };
    Map map = make();
    map.emplace(2, "two");
    EXPECT_EQ(map.size(), 2u);
    EXPECT_EQ(memkind_detect_kind(&map.begin()->second), map.get_allocator().kind());
}

TEST(FixedAllocator, RefusesABufferThatHasAKind) {
    alignas(4096) static char buffer[1 << 20];
    FixedAllocator first(buffer, sizeof buffer);
    EXPECT_THROW(FixedAllocator(buffer, sizeof buffer), std::invalid_argument);
}

TEST(FixedAllocator, LetsTheBufferGoWithItsLastCopy) {
    alignas(4096) static char buffer[1 << 20];
    auto first = std::make_unique<FixedAllocator>(buffer, sizeof buffer);
    auto second = std::make_unique<libmemkind::fixed::allocator<double>>(*first);
    memkind_t other = nullptr;
    first.reset();
    EXPECT_EQ(memkind_create_fixed(buffer, sizeof buffer, &other), MEMKIND_ERROR_INVALID);
    second.reset();
    ASSERT_EQ(memkind_create_fixed(buffer, sizeof buffer, &other), MEMKIND_SUCCESS);
    memkind_destroy_kind(other);
}

TEST(FixedAllocator, KeepsTheBufferAfterItsCopiesAreGone) {
    alignas(4096) static char buffer[1 << 20];
    memkind_t other = nullptr;
    {
        FixedAllocator first(buffer, sizeof buffer);
        { const FixedAllocator copy = first; }
        EXPECT_EQ(memkind_create_fixed(buffer, sizeof buffer, &other), MEMKIND_ERROR_INVALID);
        first.deallocate(first.allocate(10), 10);
    }
    ASSERT_EQ(memkind_create_fixed(buffer, sizeof buffer, &other), MEMKIND_SUCCESS);
    memkind_destroy_kind(other);
}

TEST(FixedAllocator, IsSharedByManyThreadsUntilTheLastCopyGoes) {
    alignas(4096) static char buffer[4 << 20];
    constexpr int kRounds = 20;
    constexpr int kThreads = 8;
    for (int round = 0; round < kRounds; ++round) {
        auto shared = std::make_unique<FixedAllocator>(buffer, sizeof buffer);
        std::vector<std::thread> threads;
        std::atomic<int> ready = 0;
        for (int i = 0; i < kThreads; ++i) {
            threads.emplace_back([mine = *shared, &ready]() mutable {
                ready.fetch_add(1);
                while (ready.load() < kThreads)
                    std::this_thread::yield();
                FixedAllocator kept = mine;
                for (int copy = 0; copy < 1000; ++copy) {
                    const FixedAllocator another = kept;
                    kept = std::move(mine);
                    mine = another;
                }
                mine.deallocate(mine.allocate(10), 10);
            });
        }
        shared.reset();
        for (std::thread& thread : threads)
            thread.join();
        // Every thread's copies are gone, and the kind with them: once, and not before.
        memkind_t next = nullptr;
        ASSERT_EQ(memkind_create_fixed(buffer, sizeof buffer, &next), MEMKIND_SUCCESS);
        memkind_destroy_kind(next);
    }
}

// ---- high-bandwidth memory ----

TEST(HbwAllocator, HasNoStateAndAllAreEqual) {
    EXPECT_TRUE(std::allocator_traits<hbw::allocator<int>>::is_always_equal::value);
    EXPECT_TRUE(hbw::allocator<int>() == hbw::allocator<char>());
    EXPECT_FALSE(hbw::allocator<int>() != hbw::allocator<char>());
    EXPECT_EQ(hbw::allocator<int>().max_size(), SIZE_MAX / sizeof(int));
}

// ---- any kind ----

TEST(AnyKindAllocator, IsOnePointerThatContainersTakeAsTheyAre) {
    static_assert(sizeof(AnyAllocator) == sizeof(memkind_t));
    static_assert(std::is_trivially_copyable_v<AnyAllocator>);
    static_assert(
        std::is_same_v<decltype(terrace::allocator(MEMKIND_DEFAULT)), terrace::allocator<std::byte>>);
    const FileKind file;
    std::vector<int, AnyAllocator> numbers(file.get());
    numbers.assign(100, 1);
    EXPECT_EQ(kind_of_contents(numbers), file.get());
    std::vector from_any_type({1, 2, 3}, terrace::allocator<int>(terrace::allocator(file.get())));
    EXPECT_EQ(kind_of_contents(from_any_type), file.get());
    EXPECT_EQ(AnyAllocator().kind(), MEMKIND_DEFAULT);
}

TEST(AnyKindAllocator, TravelsWithAssignmentsMovesAndSwaps) {
    const FileKind file;
    std::vector<int, AnyAllocator> in_file(100, 1, AnyAllocator(file.get()));
    std::vector<int, AnyAllocator> elsewhere(10, 2, AnyAllocator(MEMKIND_REGULAR));
    std::vector<int, AnyAllocator> copy;
    copy = in_file;
    EXPECT_EQ(kind_of_contents(copy), file.get());
    std::swap(in_file, elsewhere);
    EXPECT_EQ(kind_of_contents(in_file), MEMKIND_REGULAR);
    in_file = std::move(elsewhere);
    EXPECT_EQ(kind_of_contents(in_file), file.get());
    elsewhere.push_back(1);
}

TEST(AnyKindAllocator, ReachesInnerContainersWithAScope) {
    const FileKind file;
    using String = std::basic_string<char, std::char_traits<char>, terrace::allocator<char>>;
    using Inner = std::vector<String, std::scoped_allocator_adaptor<terrace::allocator<String>>>;
    using Outer = std::vector<Inner, std::scoped_allocator_adaptor<terrace::allocator<Inner>>>;
    Outer outer(terrace::allocator<Inner>(file.get()));
    outer.resize(3);
    outer[2].emplace_back("a text that is too long to be inside of the string");
    EXPECT_EQ(memkind_detect_kind(outer[2][0].data()), file.get());
}

TEST(AnyKindAllocator, WorksOverABufferOfTheProgram) {
    alignas(4096) static char buffer[1 << 20];
    memkind_t fixed = nullptr;
    ASSERT_EQ(memkind_create_fixed(buffer, sizeof buffer, &fixed), MEMKIND_SUCCESS);
    {
        std::unordered_map<int, int, std::hash<int>, std::equal_to<int>,
                           terrace::allocator<std::pair<const int, int>>>
            squares(16, std::hash<int>(), std::equal_to<int>(), fixed);
        for (int i = 0; i < 1000; ++i)
            squares[i] = i * i;
        EXPECT_EQ(squares.at(30), 900);
        const char* const where = reinterpret_cast<const char*>(&*squares.begin());
        EXPECT_TRUE(where >= buffer && where < buffer + sizeof buffer);
    }
    memkind_destroy_kind(fixed);
}

TEST(MemoryResource, PutsPmrContainersIntoItsKind) {
    const FileKind file;
    terrace::memory_resource resource(file.get());
    EXPECT_EQ(resource.kind(), file.get());
    std::pmr::vector<std::pmr::string> texts(&resource);
    texts.emplace_back("a text that is too long to be inside of the string");
    EXPECT_EQ(memkind_detect_kind(texts.data()), file.get());
    EXPECT_EQ(memkind_detect_kind(texts[0].data()), file.get());
    std::pmr::monotonic_buffer_resource pool(&resource);
    std::pmr::map<int, int> map(&pool);
    map[1] = 2;
    EXPECT_EQ(memkind_detect_kind(&map[1]), file.get());
}

TEST(MemoryResource, IsEqualToAnotherOfTheSameKind) {
    const FileKind file;
    const terrace::memory_resource one(file.get());
    const terrace::memory_resource same(file.get());
    const terrace::memory_resource other(MEMKIND_DEFAULT);
    EXPECT_TRUE(one == same);
    EXPECT_FALSE(one == other);
    EXPECT_FALSE(one == *std::pmr::new_delete_resource());
}

TEST(MemoryResource, HonoursEveryAlignmentAndSize) {
    terrace::memory_resource resource(MEMKIND_REGULAR);
    for (std::size_t alignment = 1; alignment <= 8192; alignment *= 2) {
        for (const std::size_t size : {0u, 1u, 7u, 8u, 9u, 100u, 5000u}) {
            void* const memory = resource.allocate(size, alignment);
            EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % alignment, 0u)
                << size << " at " << alignment;
            resource.deallocate(memory, size, alignment);
        }
    }
    EXPECT_THROW(static_cast<void>(resource.allocate(SIZE_MAX / 2)), std::bad_alloc);
}

}  // namespace
