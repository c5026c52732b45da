// libpmem2.h with arguments that are wrong: each has its own result, a message that names it, and changes
// nothing. What PMDK's library crashes on, or gets wrong, is here; what both answer is in
// differential/pmem2_calls.c.
#include <sys/mman.h>

#include <cerrno>

#include "tests/persist/pmem2_support.hpp"

using namespace terrace::tests;

namespace {

void expect_message(const char* part) {
    EXPECT_NE(strstr(pmem2_errormsg(), part), nullptr)
        << "'" << pmem2_errormsg() << "' does not say '" << part << "'";
}

TEST(Arguments, ThatAreNullAreRefused) {
    const Config config;
    const Source source = Source::anonymous(kPage);
    pmem2_map* map = nullptr;
    pmem2_vm_reservation* reservation = nullptr;
    pmem2_badblock_context* blocks = nullptr;
    pmem2_badblock block = {0, 0};
    std::size_t size = 7;
    std::uint64_t count = 7;
    int number = 7;
    char text[8];
    const int results[] = {
        pmem2_source_from_fd(nullptr, 0),
        pmem2_source_from_anon(nullptr, 1),
        pmem2_source_get_fd(nullptr, &number),
        pmem2_source_get_fd(source, nullptr),
        pmem2_source_size(nullptr, &size),
        pmem2_source_size(source, nullptr),
        pmem2_source_alignment(nullptr, &size),
        pmem2_source_alignment(source, nullptr),
        pmem2_source_pread_mcsafe(nullptr, text, 1, 0),
        pmem2_source_pread_mcsafe(source, nullptr, 1, 0),
        pmem2_source_pwrite_mcsafe(nullptr, text, 1, 0),
        pmem2_source_pwrite_mcsafe(source, nullptr, 1, 0),
        pmem2_source_device_id(nullptr, text, &size),
        pmem2_source_device_id(source, text, nullptr),
        pmem2_source_device_usc(nullptr, &count),
        pmem2_source_device_usc(source, nullptr),
        pmem2_source_numa_node(nullptr, &number),
        pmem2_source_numa_node(source, nullptr),
        pmem2_badblock_context_new(nullptr, source),
        pmem2_badblock_context_new(&blocks, nullptr),
        pmem2_badblock_next(nullptr, &block),
        pmem2_badblock_clear(nullptr, &block),
        pmem2_config_new(nullptr),
        pmem2_config_set_required_store_granularity(nullptr, PMEM2_GRANULARITY_PAGE),
        pmem2_config_set_offset(nullptr, 0),
        pmem2_config_set_length(nullptr, 0),
        pmem2_config_set_sharing(nullptr, PMEM2_SHARED),
        pmem2_config_set_protection(nullptr, 0),
        pmem2_config_set_vm_reservation(nullptr, nullptr, 0),
        pmem2_map_new(nullptr, config, source),
        pmem2_map_new(&map, nullptr, source),
        pmem2_map_new(&map, config, nullptr),
        pmem2_map_from_existing(nullptr, source, text, 1, PMEM2_GRANULARITY_PAGE),
        pmem2_map_from_existing(&map, nullptr, text, 1, PMEM2_GRANULARITY_PAGE),
        pmem2_map_from_existing(&map, source, nullptr, 1, PMEM2_GRANULARITY_PAGE),
        pmem2_map_delete(nullptr),
        pmem2_deep_flush(nullptr, text, 1),
        pmem2_vm_reservation_new(nullptr, nullptr, kPage),
        pmem2_vm_reservation_extend(nullptr, kPage),
        pmem2_vm_reservation_shrink(nullptr, 0, kPage),
        pmem2_vm_reservation_map_find(nullptr, 0, 1, &map),
        pmem2_vm_reservation_map_find_first(nullptr, &map),
        pmem2_vm_reservation_map_find_last(nullptr, &map),
        pmem2_vm_reservation_map_find_next(nullptr, nullptr, &map),
        pmem2_vm_reservation_map_find_prev(nullptr, nullptr, &map),
    };
    for (std::size_t i = 0; i < std::size(results); ++i)
        EXPECT_EQ(results[i], -EINVAL) << "call " << i;
    expect_message("NULL");
    EXPECT_EQ(map, nullptr);
    EXPECT_EQ(reservation, nullptr);
    EXPECT_EQ(size, 7U);
    EXPECT_EQ(pmem2_vm_reservation_get_address(nullptr), nullptr);
    EXPECT_EQ(pmem2_vm_reservation_get_size(nullptr), 0U);
}

TEST(Arguments, ThatAreNothingToDeleteAreNoError) {
    pmem2_source* source = nullptr;
    pmem2_config* config = nullptr;
    pmem2_vm_reservation* reservation = nullptr;
    pmem2_badblock_context* blocks = nullptr;
    EXPECT_EQ(pmem2_source_delete(nullptr), 0);
    EXPECT_EQ(pmem2_source_delete(&source), 0);
    EXPECT_EQ(pmem2_config_delete(nullptr), 0);
    EXPECT_EQ(pmem2_config_delete(&config), 0);
    EXPECT_EQ(pmem2_vm_reservation_delete(nullptr), 0);
    EXPECT_EQ(pmem2_vm_reservation_delete(&reservation), 0);
    pmem2_badblock_context_delete(nullptr);
    pmem2_badblock_context_delete(&blocks);
}

TEST(Arguments, OfADeletedMapAreNotFollowed) {
    pmem2_map* map = nullptr;
    EXPECT_EQ(pmem2_map_delete(&map), PMEM2_E_MAPPING_NOT_FOUND);
    ASSERT_EQ(pmem2_map_new(&map, Config(), Source::anonymous(kPage)), 0);
    pmem2_map* again = map;
    EXPECT_EQ(pmem2_map_delete(&map), 0);
    EXPECT_EQ(pmem2_map_delete(&again), PMEM2_E_MAPPING_NOT_FOUND);
    EXPECT_NE(again, nullptr) << "a failure must not change it";
    char nonsense = 'x';
    again = reinterpret_cast<pmem2_map*>(&nonsense);
    EXPECT_EQ(pmem2_map_delete(&again), PMEM2_E_MAPPING_NOT_FOUND);
}

TEST(Messages, NameTheArgumentAndItsValue) {
    const TemporaryDirectory directory;
    const NewFile file(directory.file("file"), 4 * kPage);
    const Source source(file.fd());
    pmem2_map* map = nullptr;
    EXPECT_EQ(pmem2_map_new(&map, Config().offset(777), source), PMEM2_E_OFFSET_UNALIGNED);
    expect_message("offset 777");
    EXPECT_EQ(pmem2_map_new(&map, Config().length(888), source), PMEM2_E_LENGTH_UNALIGNED);
    expect_message("length 888");
    EXPECT_EQ(pmem2_map_new(&map, Config().offset(kPage).length(4 * kPage), source), PMEM2_E_MAP_RANGE);
    expect_message("length 16384");
    EXPECT_EQ(pmem2_map_new(&map, Config().offset(4 * kPage), source), PMEM2_E_MAP_RANGE)
        << "nothing is left to map";
    const Config config;
    EXPECT_EQ(pmem2_config_set_required_store_granularity(config, static_cast<pmem2_granularity>(3)),
              PMEM2_E_GRANULARITY_NOT_SUPPORTED);
    expect_message("3 is not");
    EXPECT_EQ(pmem2_config_set_protection(config, 5), PMEM2_E_INVALID_PROT_FLAG);
    expect_message("0x5");
    EXPECT_EQ(pmem2_config_set_offset(config, SIZE_MAX), PMEM2_E_OFFSET_OUT_OF_RANGE);
    expect_message("18446744073709551615");
    EXPECT_EQ(map, nullptr);

    pmem2_config* without = nullptr;
    pmem2_config_new(&without);
    EXPECT_EQ(pmem2_map_new(&map, without, source), PMEM2_E_GRANULARITY_NOT_SET);
    expect_message("pmem2_config_set_required_store_granularity");
    pmem2_config_delete(&without);

    const NewFile empty(directory.file("empty"), 0);
    EXPECT_EQ(pmem2_map_new(&map, Config(), Source(empty.fd())), PMEM2_E_SOURCE_EMPTY);
    expect_message("0 bytes");
}

TEST(Arguments, ThatWouldOverflowAreRefused) {
    pmem2_map* map = nullptr;
    EXPECT_EQ(pmem2_map_new(&map, Config(), Source::anonymous(SIZE_MAX)), -ENOMEM);
    EXPECT_EQ(pmem2_map_new(&map, Config(), Source::anonymous(SIZE_MAX / 2)), -ENOMEM);
    const Source source = Source::anonymous(kPage);
    char byte = 0;
    EXPECT_EQ(pmem2_map_from_existing(&map, source, &byte, SIZE_MAX, PMEM2_GRANULARITY_PAGE), -EINVAL);
    EXPECT_EQ(pmem2_map_from_existing(&map, source, &byte, 0, PMEM2_GRANULARITY_PAGE), -EINVAL);
    EXPECT_EQ(pmem2_map_from_existing(&map, source, &byte, 1, static_cast<pmem2_granularity>(3)),
              PMEM2_E_GRANULARITY_NOT_SUPPORTED);
    EXPECT_EQ(map, nullptr);
}

TEST(Files, ThatWereClosedTooEarlyAreAnError) {
    const TemporaryDirectory directory;
    const int fd = open(directory.file("file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const Source source(fd);
    close(fd);
    pmem2_map* map = nullptr;
    std::size_t size = 7;
    char byte = 0;
    EXPECT_EQ(pmem2_source_size(source, &size), -EBADF);
    EXPECT_EQ(pmem2_map_new(&map, Config(), source), -EBADF);
    EXPECT_EQ(pmem2_source_pread_mcsafe(source, &byte, 1, 0), -EBADF);
    expect_message("Bad file descriptor");
}

TEST(Errors, HaveAnErrno) {
    EXPECT_EQ(pmem2_err_to_errno(0), 0);
    EXPECT_EQ(pmem2_err_to_errno(PMEM2_E_NOSUPP), ENOTSUP);
    EXPECT_EQ(pmem2_err_to_errno(PMEM2_E_UNKNOWN), EINVAL);
    EXPECT_EQ(pmem2_err_to_errno(PMEM2_E_IO_FAIL), EINVAL);
    EXPECT_EQ(pmem2_err_to_errno(-ENOSPC), ENOSPC);
    EXPECT_EQ(pmem2_err_to_errno(5), EINVAL);
}

}  // namespace
