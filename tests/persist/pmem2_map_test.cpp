// libpmem2.h: sources and maps of files and of anonymous memory, on tmpfs and on a disk. Durable memory
// itself is the lab's to test; here its granularities are forced. Written against the public header only.
#include <sys/mman.h>
#include <sys/stat.h>

#include <atomic>
#include <csetjmp>
#include <csignal>
#include <thread>
#include <vector>

#include "tests/persist/pmem2_support.hpp"

using namespace terrace::tests;

namespace {

class AFile : public testing::TestWithParam<TemporaryDirectory::Where> {
  protected:
    TemporaryDirectory directory_{GetParam()};
};

std::string content(const std::string& path, std::size_t offset, std::size_t size) {
    const OpenFile file(path, O_RDONLY);
    std::string text(size, '?');
    EXPECT_EQ(pread(file.fd(), text.data(), size, static_cast<off_t>(offset)), static_cast<ssize_t>(size));
    return text;
}

TEST_P(AFile, IsWrittenThroughAMapAtPageGranularity) {
    const std::string path = directory_.file("file");
    const NewFile file(path, 2 * kMiB);
    const Map map(Config(), Source(file.fd()));
    ASSERT_TRUE(map.is_made()) << pmem2_errormsg();
    EXPECT_EQ(map.size(), 2 * kMiB);
    EXPECT_EQ(map.granularity(), PMEM2_GRANULARITY_PAGE);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(map.address()) % (2 * kMiB), 0U)
        << "huge pages cannot serve it";

    strcpy(map.address() + 4090, "stored");
    pmem2_get_persist_fn(map)(map.address() + 4090, 7);
    pmem2_get_memcpy_fn(map)(map.address() + 9000, "copied", 7, 0);
    pmem2_get_memmove_fn(map)(map.address() + 20000, "moved", 6, PMEM2_F_MEM_NODRAIN);
    pmem2_get_memset_fn(map)(map.address() + 30000, 'x', 5, PMEM2_F_MEM_NOFLUSH);
    pmem2_get_flush_fn(map)(map.address() + 30000, 5);
    pmem2_get_drain_fn(map)();
    EXPECT_EQ(pmem2_deep_flush(map, map.address(), map.size()), 0);

    EXPECT_EQ(content(path, 4090, 6), "stored");
    EXPECT_EQ(content(path, 9000, 6), "copied");
    EXPECT_EQ(content(path, 20000, 5), "moved");
    EXPECT_EQ(content(path, 30000, 5), "xxxxx");
}

TEST_P(AFile, RefusesAGranularityThatItsFileSystemCannotGive) {
    const NewFile file(directory_.file("file"), kPage);
    const Source source(file.fd());
    const int before = count_mappings();
    for (const pmem2_granularity wanted : {PMEM2_GRANULARITY_BYTE, PMEM2_GRANULARITY_CACHE_LINE}) {
        const Map map(Config(wanted), source);
        EXPECT_EQ(map.result(), PMEM2_E_GRANULARITY_NOT_SUPPORTED);
        EXPECT_FALSE(map.is_made());
        EXPECT_NE(strstr(pmem2_errormsg(), "page granularity"), nullptr) << pmem2_errormsg();
    }
    EXPECT_EQ(count_mappings(), before) << "a failure leaves a mapping behind";
}

TEST_P(AFile, IsMappedInParts) {
    const std::string path = directory_.file("file");
    const NewFile file(path, 8 * kPage + 100);
    const Source source(file.fd());
    const Map middle(Config().offset(2 * kPage).length(3 * kPage), source);
    const Map rest(Config().offset(6 * kPage), source);
    ASSERT_TRUE(middle.is_made() && rest.is_made());
    EXPECT_EQ(middle.size(), 3 * kPage);
    EXPECT_EQ(rest.size(), 2 * kPage + 100) << "up to the end of the file, not to the end of its last page";
    pmem2_get_memset_fn(middle)(middle.address(), 'm', middle.size(), 0);
    pmem2_get_memset_fn(rest)(rest.address(), 'r', rest.size(), 0);
    EXPECT_EQ(content(path, 2 * kPage - 1, 3), std::string("\0mm", 3));
    EXPECT_EQ(content(path, 5 * kPage - 1, 2), std::string("m\0", 2));
    EXPECT_EQ(content(path, 8 * kPage + 98, 2), "rr");
    struct stat now = {};
    fstat(file.fd(), &now);
    EXPECT_EQ(now.st_size, static_cast<off_t>(8 * kPage + 100));
}

TEST_P(AFile, KeepsStoresOfAPrivateMapToItself) {
    const std::string path = directory_.file("file");
    const NewFile file(path, kPage);
    const Source source(file.fd());
    const Map shared(Config(), source);
    const Map own(Config(PMEM2_GRANULARITY_BYTE).sharing(PMEM2_PRIVATE), source);
    ASSERT_TRUE(shared.is_made() && own.is_made()) << pmem2_errormsg();
    EXPECT_EQ(own.granularity(), PMEM2_GRANULARITY_BYTE);
    pmem2_get_memcpy_fn(own)(own.address(), "mine", 5, 0);
    EXPECT_STREQ(own.address(), "mine");
    EXPECT_STREQ(shared.address(), "");
    EXPECT_EQ(content(path, 0, 1), std::string(1, '\0'));
}

TEST_P(AFile, ThatIsOpenForReadingCanBeReadAndNotSharedForWriting) {
    const std::string path = directory_.file("file");
    { const NewFile file(path, kPage); }
    const OpenFile file(path, O_RDONLY);
    const Source source(file.fd());
    const Map writable(Config(), source);
    EXPECT_EQ(writable.result(), PMEM2_E_NO_ACCESS);
    EXPECT_NE(strstr(pmem2_errormsg(), std::to_string(file.fd()).c_str()), nullptr) << pmem2_errormsg();
    const Map readable(Config().protection(PMEM2_PROT_READ), source);
    ASSERT_TRUE(readable.is_made()) << pmem2_errormsg();
    EXPECT_EQ(readable.address()[0], '\0');
    const Map own(Config().sharing(PMEM2_PRIVATE), source);
    ASSERT_TRUE(own.is_made()) << pmem2_errormsg();
    own.address()[0] = 'x';
    EXPECT_EQ(readable.address()[0], '\0');
}

TEST_P(AFile, MayBeClosedOnceItIsMapped) {
    const std::string path = directory_.file("file");
    pmem2_map* map = nullptr;
    {
        const NewFile file(path, kPage);
        ASSERT_EQ(pmem2_map_new(&map, Config(), Source(file.fd())), 0);
    }
    pmem2_get_memcpy_fn(map)(pmem2_map_get_address(map), "kept", 5, 0);
    EXPECT_EQ(pmem2_map_delete(&map), 0);
    EXPECT_EQ(map, nullptr);
    EXPECT_EQ(content(path, 0, 4), "kept");
}

TEST_P(AFile, IsMappedWhereTheProgramHasMappedIt) {
    const std::string path = directory_.file("file");
    const NewFile file(path, 4 * kPage);
    void* const address = mmap(nullptr, 4 * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, file.fd(), 0);
    ASSERT_NE(address, MAP_FAILED);
    for (const pmem2_granularity granularity :
         {PMEM2_GRANULARITY_BYTE, PMEM2_GRANULARITY_CACHE_LINE, PMEM2_GRANULARITY_PAGE}) {
        pmem2_map* map = nullptr;
        ASSERT_EQ(pmem2_map_from_existing(&map, Source(file.fd()), address, 4 * kPage, granularity), 0);
        EXPECT_EQ(pmem2_map_get_store_granularity(map), granularity);
        pmem2_get_memset_fn(map)(address, 'a' + granularity, 4 * kPage, 0);
        pmem2_get_persist_fn(map)(address, 4 * kPage);
        EXPECT_EQ(content(path, 3 * kPage, 1), std::string(1, static_cast<char>('a' + granularity)));
        EXPECT_EQ(pmem2_map_delete(&map), 0);
    }
    static_cast<char*>(address)[0] = 'x';  // the mapping is still the program's
    EXPECT_EQ(munmap(address, 4 * kPage), 0);
}

TEST_P(AFile, IsReadAndWrittenWithoutAMap) {
    const NewFile file(directory_.file("file"), 3 * kPage);
    const Source source(file.fd());
    char text[] = "written";
    char buffer[2 * kPage] = "";
    EXPECT_EQ(pmem2_source_pwrite_mcsafe(source, text, sizeof text, 2 * kPage - 3), 0);
    EXPECT_EQ(pmem2_source_pread_mcsafe(source, buffer, sizeof buffer, kPage), 0);
    EXPECT_STREQ(buffer + kPage - 3, "written");
    EXPECT_EQ(pmem2_source_pwrite_mcsafe(source, text, 1, 3 * kPage), PMEM2_E_LENGTH_OUT_OF_RANGE);
    EXPECT_EQ(pmem2_source_pwrite_mcsafe(source, text, 1, 5 * kPage), PMEM2_E_LENGTH_OUT_OF_RANGE)
        << "PMDK's library makes the file longer";
    EXPECT_EQ(pmem2_source_pread_mcsafe(source, buffer, SIZE_MAX, 1), PMEM2_E_LENGTH_OUT_OF_RANGE);
    std::size_t size = 0;
    EXPECT_EQ(pmem2_source_size(source, &size), 0);
    EXPECT_EQ(size, 3 * kPage);
}

TEST_P(AFile, LiesOnNoNvdimmHere) {
    const NewFile file(directory_.file("file"), kPage);
    const Source source(file.fd());
    struct stat facts = {};
    fstat(file.fd(), &facts);
    std::size_t length = 7;
    std::uint64_t count = 7;
    int node = -7;
    if (pmem2_source_numa_node(source, &node) == 0)
        GTEST_SKIP() << "this machine's temporary files lie on durable memory";
    EXPECT_EQ(pmem2_source_numa_node(source, &node), PMEM2_E_DAX_REGION_NOT_FOUND);
    EXPECT_EQ(pmem2_source_device_id(source, nullptr, &length), PMEM2_E_NOSUPP);
    EXPECT_EQ(pmem2_source_device_usc(source, &count), PMEM2_E_NOSUPP);
    EXPECT_EQ(length, 7U);
    EXPECT_EQ(count, 7U) << "a failure must not store a count";
    EXPECT_EQ(node, -7);
    pmem2_badblock_context* blocks = nullptr;
    pmem2_badblock block;
    ASSERT_EQ(pmem2_badblock_context_new(&blocks, source), 0) << pmem2_errormsg();
    EXPECT_EQ(pmem2_badblock_next(blocks, &block), PMEM2_E_NO_BAD_BLOCK_FOUND);
    pmem2_badblock_context_delete(&blocks);
    EXPECT_EQ(blocks, nullptr);
}

INSTANTIATE_TEST_SUITE_P(OnTmpfs, AFile, testing::Values(TemporaryDirectory::Where::kTmpfs));
INSTANTIATE_TEST_SUITE_P(OnDisk, AFile, testing::Values(TemporaryDirectory::Where::kDisk));

class AForcedGranularity : public testing::TestWithParam<pmem2_granularity> {};

TEST_P(AForcedGranularity, IsBelievedForSharedMapsOfFiles) {
    static constexpr const char* kNames[] = {"BYTE", "cache_line", "Page"};
    const ForcedGranularity forced(kNames[GetParam()]);
    const TemporaryDirectory directory;
    const std::string path = directory.file("file");
    const NewFile file(path, 4 * kPage);
    const Source source(file.fd());
    const Map map(Config(), source);
    ASSERT_TRUE(map.is_made()) << pmem2_errormsg();
    EXPECT_EQ(map.granularity(), GetParam());
    const Map own(Config(PMEM2_GRANULARITY_BYTE).sharing(PMEM2_PRIVATE), source);
    EXPECT_EQ(own.granularity(), PMEM2_GRANULARITY_BYTE);
    EXPECT_EQ(Map(Config(PMEM2_GRANULARITY_BYTE), source).is_made(), GetParam() == PMEM2_GRANULARITY_BYTE);

    std::string text(3000, '\0');
    for (std::size_t i = 0; i < text.size(); ++i)
        text[i] = static_cast<char>('a' + i % 26);
    const unsigned flags[] = {0,
                              PMEM2_F_MEM_NODRAIN,
                              PMEM2_F_MEM_NONTEMPORAL,
                              PMEM2_F_MEM_TEMPORAL,
                              PMEM2_F_MEM_WC | PMEM2_F_MEM_NODRAIN,
                              PMEM2_F_MEM_WB,
                              PMEM2_F_MEM_NOFLUSH};
    for (const unsigned flag : flags) {
        for (const std::size_t size :
             {std::size_t{0}, std::size_t{1}, std::size_t{100}, std::size_t{255}, text.size()}) {
            char* const to = map.address() + 4000;  // across a page
            EXPECT_EQ(pmem2_get_memset_fn(map)(map.address(), '.', 4 * kPage, flag), map.address());
            EXPECT_EQ(pmem2_get_memcpy_fn(map)(to, text.data(), size, flag), to);
            EXPECT_EQ(pmem2_get_memmove_fn(map)(to + 3, to, size, flag), to + 3);
            pmem2_get_drain_fn(map)();
            EXPECT_EQ(std::string(to + 3, size), text.substr(0, size)) << "flags " << flag;
            EXPECT_EQ(to[-1], '.');
            EXPECT_EQ(to[size + 3], '.');
            EXPECT_EQ(content(path, 4003, size), text.substr(0, size));
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Each, AForcedGranularity,
                         testing::Values(PMEM2_GRANULARITY_BYTE, PMEM2_GRANULARITY_CACHE_LINE,
                                         PMEM2_GRANULARITY_PAGE));

sigjmp_buf way_out;

void leave(int, siginfo_t*, void*) {
    siglongjmp(way_out, 1);
}

// docs/sigbus.md
TEST(AShortenedFile, IsASigbusThatAHandlerCanLeave) {
    const TemporaryDirectory directory;
    const NewFile file(directory.file("file"), 4 * kPage);
    const Map map(Config(), Source(file.fd()));
    ASSERT_EQ(ftruncate(file.fd(), kPage), 0);
    struct sigaction ours = {};
    struct sigaction before = {};
    ours.sa_sigaction = leave;
    ours.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigaction(SIGBUS, &ours, &before);
    volatile bool is_gone = false;
    if (sigsetjmp(way_out, 1) == 0)
        *const_cast<volatile char*>(map.address() + 2 * kPage) = 'x';
    else
        is_gone = true;
    sigaction(SIGBUS, &before, nullptr);
    EXPECT_TRUE(is_gone);
    map.address()[0] = 'x';  // what is still there works
    char byte = 0;
    EXPECT_EQ(pmem2_source_pread_mcsafe(Source(file.fd()), &byte, 1, 2 * kPage), PMEM2_E_LENGTH_OUT_OF_RANGE);
}

TEST(AnonymousMemory, IsZeroedAndNeedsNoFlush) {
    const Map map(Config(PMEM2_GRANULARITY_BYTE), Source::anonymous(5 * kPage));
    ASSERT_TRUE(map.is_made()) << pmem2_errormsg();
    EXPECT_EQ(map.size(), 5 * kPage);
    EXPECT_EQ(map.granularity(), PMEM2_GRANULARITY_BYTE);
    for (std::size_t i = 0; i < map.size(); ++i)
        ASSERT_EQ(map.address()[i], '\0');
    pmem2_get_memcpy_fn(map)(map.address(), "here", 5, 0);
    EXPECT_STREQ(map.address(), "here");
    EXPECT_EQ(pmem2_deep_flush(map, map.address(), 5), PMEM2_E_NOSUPP);
}

TEST(Sources, AreFilesOnly) {
    const TemporaryDirectory directory;
    const OpenFile folder(directory.path(), O_RDONLY | O_DIRECTORY);
    const OpenFile null("/dev/null", O_RDWR);
    int pipe_ends[2];
    ASSERT_EQ(pipe(pipe_ends), 0);
    const OpenFile for_writing(directory.file("file"), O_WRONLY | O_CREAT);
    pmem2_source* source = nullptr;
    EXPECT_EQ(pmem2_source_from_fd(&source, folder.fd()), PMEM2_E_INVALID_FILE_TYPE);
    EXPECT_NE(strstr(pmem2_errormsg(), "directory"), nullptr);
    EXPECT_EQ(pmem2_source_from_fd(&source, null.fd()), PMEM2_E_INVALID_FILE_TYPE);
    EXPECT_NE(strstr(pmem2_errormsg(), "device"), nullptr);
    EXPECT_EQ(pmem2_source_from_fd(&source, pipe_ends[0]), PMEM2_E_INVALID_FILE_TYPE);
    EXPECT_EQ(pmem2_source_from_fd(&source, for_writing.fd()), PMEM2_E_INVALID_FILE_HANDLE);
    EXPECT_EQ(pmem2_source_from_fd(&source, -1), PMEM2_E_INVALID_FILE_HANDLE);
    EXPECT_EQ(source, nullptr);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

TEST(Maps, ThatTheProgramUnmappedItselfDoNotConfuseTheOthers) {
    const Source memory = Source::anonymous(kPage);
    pmem2_map* lost = nullptr;
    ASSERT_EQ(pmem2_map_new(&lost, Config(), memory), 0);
    munmap(pmem2_map_get_address(lost), kPage);
    pmem2_map* map = nullptr;
    const int result =
        pmem2_map_new(&map, Config(), memory);  // the kernel likes to give the same address again
    if (result == 0) {
        EXPECT_NE(pmem2_map_get_address(map), pmem2_map_get_address(lost));
        EXPECT_EQ(pmem2_map_delete(&map), 0);
    } else {
        EXPECT_EQ(result, PMEM2_E_MAP_EXISTS) << pmem2_errormsg();
        EXPECT_EQ(map, nullptr);
    }
    EXPECT_EQ(pmem2_map_delete(&lost), 0);
    EXPECT_EQ(pmem2_map_new(&map, Config(), memory), 0);
    EXPECT_EQ(pmem2_map_delete(&map), 0);
}

TEST(Maps, OfManyThreadsAreMadeAndEndedAtOnce) {
    const TemporaryDirectory directory;
    const NewFile file(directory.file("file"), 64 * kPage);
    const Source source(file.fd());
    std::atomic<int> failures{0};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 4; ++i)
        threads.emplace_back([&, i] {
            for (unsigned round = 0; round < 200; ++round) {
                const Config config;
                pmem2_config_set_offset(config, (i * 16 + round % 16) * kPage);
                pmem2_config_set_length(config, kPage);
                pmem2_map* map = nullptr;
                if (pmem2_map_new(&map, config, source) != 0) {
                    ++failures;
                    continue;
                }
                pmem2_get_memset_fn(map)(pmem2_map_get_address(map), static_cast<int>(round), kPage,
                                         PMEM2_F_MEM_NOFLUSH);
                if (static_cast<unsigned char*>(pmem2_map_get_address(map))[kPage - 1] != round % 256)
                    ++failures;
                if (pmem2_map_delete(&map) != 0)
                    ++failures;
            }
        });
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_EQ(failures, 0);
    EXPECT_EQ(count_mappings(directory.path()), 0);
}

TEST(Messages, AreEachThreadsOwn) {
    pmem2_source* source = nullptr;
    EXPECT_EQ(pmem2_source_from_fd(&source, -12345), PMEM2_E_INVALID_FILE_HANDLE);
    std::string other = "?";
    std::thread([&] { other = pmem2_errormsg(); }).join();
    EXPECT_EQ(other, "");
    EXPECT_NE(strstr(pmem2_errormsg(), "-12345"), nullptr);
    testing::internal::CaptureStderr();
    pmem2_perror("reading %s", "data");
    const std::string printed = testing::internal::GetCapturedStderr();
    EXPECT_EQ(printed, std::string("reading data: ") + pmem2_errormsg() + "\n");
}

}  // namespace
