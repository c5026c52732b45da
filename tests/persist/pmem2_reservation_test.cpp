// libpmem2.h: addresses set aside, and maps next to each other in them.
#include <sys/mman.h>

#include <cerrno>
#include <thread>
#include <vector>

#include "tests/persist/pmem2_support.hpp"
#include "tests/support/child_process.hpp"

using namespace terrace::tests;

namespace {

class AReservation : public testing::Test {
  protected:
    AReservation() {
        EXPECT_EQ(pmem2_vm_reservation_new(&reservation_, nullptr, 16 * kPage), 0) << pmem2_errormsg();
        base_ = static_cast<char*>(pmem2_vm_reservation_get_address(reservation_));
    }
    ~AReservation() override {
        EXPECT_EQ(pmem2_vm_reservation_delete(&reservation_), 0) << pmem2_errormsg();
        EXPECT_EQ(reservation_, nullptr);
    }
    Config& at(Config& config, std::size_t page, std::size_t pages) {
        return config.length(pages * kPage).place(reservation_, page * kPage);
    }
    bool is_accessible(const char* address) const {
        return run_in_child([&] { return *const_cast<const volatile char*>(address) != 'x'; }) == 0;
    }

    pmem2_vm_reservation* reservation_ = nullptr;
    char* base_ = nullptr;
    Source memory_ = Source::anonymous(16 * kPage);
};

TEST_F(AReservation, HasNoAccessUntilSomethingIsMapped) {
    EXPECT_EQ(pmem2_vm_reservation_get_size(reservation_), 16 * kPage);
    EXPECT_FALSE(is_accessible(base_ + 4 * kPage));
    {
        Config config;
        const Map map(at(config, 4, 2), memory_);
        ASSERT_TRUE(map.is_made()) << pmem2_errormsg();
        EXPECT_EQ(map.address(), base_ + 4 * kPage);
        EXPECT_TRUE(is_accessible(base_ + 5 * kPage));
        EXPECT_EQ(pmem2_vm_reservation_delete(&reservation_), PMEM2_E_VM_RESERVATION_NOT_EMPTY);
        EXPECT_NE(reservation_, nullptr);
    }
    EXPECT_FALSE(is_accessible(base_ + 4 * kPage)) << "an ended map gives its place back to the reservation";
}

TEST_F(AReservation, HoldsFilesSideBySideAsOneRange) {
    const TemporaryDirectory directory(TemporaryDirectory::Where::kDisk);
    const NewFile first(directory.file("first"), 2 * kPage);
    const NewFile second(directory.file("second"), 3 * kPage);
    Config before;
    Config behind;
    const Map one(at(before, 0, 2), Source(first.fd()));
    const Map other(at(behind, 2, 3), Source(second.fd()));
    ASSERT_TRUE(one.is_made() && other.is_made()) << pmem2_errormsg();
    ASSERT_EQ(one.address() + one.size(), other.address());
    // One call across both: they share a granularity, and so the function.
    pmem2_get_memset_fn(one)(one.address() + kPage, 'z', 2 * kPage, 0);
    char text[2] = "";
    EXPECT_EQ(pread(second.fd(), text, 1, 10), 1);
    EXPECT_STREQ(text, "z");
}

TEST_F(AReservation, RefusesWhatDoesNotFit) {
    Config taken;
    const Map map(at(taken, 4, 4), memory_);
    Config config;
    EXPECT_EQ(Map(at(config, 3, 2), memory_).result(), PMEM2_E_MAPPING_EXISTS);
    EXPECT_EQ(Map(at(config, 7, 1), memory_).result(), PMEM2_E_MAPPING_EXISTS);
    EXPECT_EQ(Map(at(config, 15, 2), memory_).result(), PMEM2_E_LENGTH_OUT_OF_RANGE);
    EXPECT_EQ(Map(at(config, 16, 1), memory_).result(), PMEM2_E_LENGTH_OUT_OF_RANGE);
    EXPECT_EQ(Map(config.length(kPage).place(reservation_, SIZE_MAX - kPage + 1), memory_).result(),
              PMEM2_E_LENGTH_OUT_OF_RANGE)
        << "PMDK's library maps below the reservation";
    EXPECT_EQ(Map(config.length(kPage).place(reservation_, 100), memory_).result(), PMEM2_E_OFFSET_UNALIGNED);
}

TEST_F(AReservation, StaysWholeWhenAMapIsRefusedLate) {
    const TemporaryDirectory directory;
    const NewFile file(directory.file("file"), kPage);
    Config config(PMEM2_GRANULARITY_CACHE_LINE);
    const int before = count_mappings();
    EXPECT_EQ(Map(at(config, 4, 1), Source(file.fd())).result(), PMEM2_E_GRANULARITY_NOT_SUPPORTED);
    EXPECT_EQ(count_mappings(), before);
    EXPECT_FALSE(is_accessible(base_ + 4 * kPage));
    void* const probe =
        mmap(base_ + 4 * kPage, kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    EXPECT_EQ(probe, MAP_FAILED) << "the addresses are free for anybody";
}

TEST_F(AReservation, FindsItsMaps) {
    Config configs[3];
    const Map first(at(configs[0], 1, 2), memory_);
    const Map second(at(configs[1], 5, 1), memory_);
    const Map third(at(configs[2], 6, 4), memory_);
    const Map elsewhere(Config(), memory_);
    pmem2_map* map = nullptr;
    EXPECT_EQ(pmem2_vm_reservation_map_find_first(reservation_, &map), 0);
    EXPECT_EQ(map, first);
    EXPECT_EQ(pmem2_vm_reservation_map_find_next(reservation_, first, &map), 0);
    EXPECT_EQ(map, second);
    EXPECT_EQ(pmem2_vm_reservation_map_find_last(reservation_, &map), 0);
    EXPECT_EQ(map, third);
    EXPECT_EQ(pmem2_vm_reservation_map_find_prev(reservation_, third, &map), 0);
    EXPECT_EQ(map, second);
    EXPECT_EQ(pmem2_vm_reservation_map_find(reservation_, 2 * kPage, 20 * kPage, &map), 0);
    EXPECT_EQ(map, first);
    EXPECT_EQ(pmem2_vm_reservation_map_find(reservation_, 3 * kPage, 2 * kPage + 1, &map), 0);
    EXPECT_EQ(map, second);
    EXPECT_EQ(pmem2_vm_reservation_map_find(reservation_, 3 * kPage, 2 * kPage, &map),
              PMEM2_E_MAPPING_NOT_FOUND);
    EXPECT_EQ(map, nullptr);
    EXPECT_EQ(pmem2_vm_reservation_map_find_next(reservation_, third, &map), PMEM2_E_MAPPING_NOT_FOUND);
    EXPECT_EQ(pmem2_vm_reservation_map_find_prev(reservation_, first, &map), PMEM2_E_MAPPING_NOT_FOUND);
    EXPECT_EQ(pmem2_vm_reservation_map_find_next(reservation_, elsewhere, &map), PMEM2_E_MAPPING_NOT_FOUND);
    EXPECT_EQ(pmem2_vm_reservation_map_find(reservation_, SIZE_MAX, SIZE_MAX, &map),
              PMEM2_E_MAPPING_NOT_FOUND);
}

TEST_F(AReservation, GrowsAndShrinksAroundItsMaps) {
    Config config;
    const Map map(at(config, 6, 2), memory_);
    strcpy(map.address(), "stays");
    EXPECT_EQ(pmem2_vm_reservation_shrink(reservation_, 0, 5 * kPage), 0) << pmem2_errormsg();
    EXPECT_EQ(pmem2_vm_reservation_get_address(reservation_), base_ + 5 * kPage);
    EXPECT_EQ(pmem2_vm_reservation_shrink(reservation_, 9 * kPage, 2 * kPage), 0) << pmem2_errormsg();
    EXPECT_EQ(pmem2_vm_reservation_get_size(reservation_), 9 * kPage);
    EXPECT_EQ(pmem2_vm_reservation_shrink(reservation_, 0, 2 * kPage), PMEM2_E_VM_RESERVATION_NOT_EMPTY);
    EXPECT_EQ(pmem2_vm_reservation_shrink(reservation_, 4 * kPage, kPage), PMEM2_E_NOSUPP);
    EXPECT_EQ(pmem2_vm_reservation_shrink(reservation_, kPage, SIZE_MAX - kPage + 1),
              PMEM2_E_LENGTH_OUT_OF_RANGE)
        << "PMDK's library takes the sum of both";
    EXPECT_EQ(pmem2_vm_reservation_extend(reservation_, 2 * kPage), 0) << pmem2_errormsg();
    EXPECT_EQ(pmem2_vm_reservation_extend(reservation_, SIZE_MAX - kPage + 1), -ENOMEM);
    EXPECT_EQ(pmem2_vm_reservation_get_size(reservation_), 11 * kPage);
    EXPECT_STREQ(map.address(), "stays");
}

TEST_F(AReservation, DoesNotGrowIntoSomethingElse) {
    void* const behind =
        mmap(base_ + 16 * kPage, kPage, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    EXPECT_EQ(pmem2_vm_reservation_extend(reservation_, kPage), PMEM2_E_MAPPING_EXISTS);
    EXPECT_EQ(pmem2_vm_reservation_get_size(reservation_), 16 * kPage);
    if (behind != MAP_FAILED)
        munmap(behind, kPage);
}

TEST_F(AReservation, IsSharedByThreads) {
    std::vector<std::thread> threads;
    std::atomic<int> failures{0};
    for (unsigned i = 0; i < 4; ++i)
        threads.emplace_back([&, i] {
            const Config config;
            pmem2_config_set_length(config, 2 * kPage);
            pmem2_config_set_vm_reservation(config, reservation_, i * 4 * kPage);
            for (unsigned round = 0; round < 200; ++round) {
                pmem2_map* map = nullptr;
                pmem2_map* found = nullptr;
                if (pmem2_map_new(&map, config, memory_) != 0 ||
                    pmem2_vm_reservation_map_find(reservation_, i * 4 * kPage, 1, &found) != 0 ||
                    found != map || pmem2_map_delete(&map) != 0)
                    ++failures;
            }
        });
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(failures, 0);
}

TEST(Reservations, AreMadeWhereAsked) {
    void* const room = mmap(nullptr, 8 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pmem2_vm_reservation* reservation = nullptr;
    EXPECT_EQ(pmem2_vm_reservation_new(&reservation, room, 8 * kPage), PMEM2_E_MAPPING_EXISTS);
    EXPECT_EQ(reservation, nullptr);
    munmap(room, 8 * kPage);
    ASSERT_EQ(pmem2_vm_reservation_new(&reservation, room, 8 * kPage), 0)
        << "PMDK's library asks for more than it was told to: " << pmem2_errormsg();
    EXPECT_EQ(pmem2_vm_reservation_get_address(reservation), room);
    EXPECT_EQ(pmem2_vm_reservation_delete(&reservation), 0);
}

TEST(Reservations, ThatCannotBeAreRefused) {
    pmem2_vm_reservation* reservation = nullptr;
    EXPECT_EQ(pmem2_vm_reservation_new(&reservation, nullptr, 0), -EINVAL);
    EXPECT_EQ(pmem2_vm_reservation_new(&reservation, nullptr, 1), PMEM2_E_LENGTH_UNALIGNED);
    EXPECT_EQ(pmem2_vm_reservation_new(&reservation, reinterpret_cast<void*>(kPage + 1), kPage),
              PMEM2_E_ADDRESS_UNALIGNED);
    EXPECT_EQ(pmem2_vm_reservation_new(&reservation, nullptr, SIZE_MAX - kPage + 1), -ENOMEM);
    EXPECT_EQ(
        pmem2_vm_reservation_new(&reservation, reinterpret_cast<void*>(64 * kPage), SIZE_MAX - kPage + 1),
        -ENOMEM);
    EXPECT_EQ(reservation, nullptr);
}

TEST(Reservations, OfTwoMebibytesBeginAtAHugePage) {
    pmem2_vm_reservation* reservation = nullptr;
    ASSERT_EQ(pmem2_vm_reservation_new(&reservation, nullptr, 3 * kMiB), 0);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pmem2_vm_reservation_get_address(reservation)) % (2 * kMiB),
              0U);
    EXPECT_EQ(pmem2_vm_reservation_delete(&reservation), 0);
}

}  // namespace
