// Devices of durable memory without one: a directory in the place of /sys says what the kernel would,
// /dev/zero is the device DAX, and the file system of the temporary files is the one on a persistent-memory
// block device.
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <csetjmp>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "persist/flush/sysfs.hpp"
#include "persist/pmem2/bad_ranges.hpp"
#include "tests/persist/pmem2_support.hpp"
#include "tests/support/child_process.hpp"

using namespace terrace::persist;
using namespace terrace::tests;

namespace {

int mapped_instead = -1;  // a file that mmap takes in the place of the next shared mapping of /dev/zero

// A machine with two NVDIMMs in region 3, a device DAX at 1 MiB of it, and the temporary files' file system
// on another namespace.
class AMachineWithNvdimms : public testing::Test {
  protected:
    AMachineWithNvdimms()
        : root_(directory_.file("sys")),
          device_("/dev/zero", O_RDWR),
          files_(TemporaryDirectory::Where::kDisk) {
        const std::string region = "devices/platform/ndbus0/region3";
        const std::string dax = region + "/dax3.1/dax3.0";
        const std::string block = region + "/namespace3.0/block/pmem3";
        struct stat facts = {};
        stat("/dev/zero", &facts);
        link(dax, "dev/char/" + number(facts.st_rdev));
        stat(files_.path(), &facts);
        link(block, "dev/block/" + number(facts.st_dev));
        link(region, "bus/nd/devices/region3");
        std::filesystem::create_directories(root_ + "/bus/dax");
        std::filesystem::create_directory_symlink(root_ + "/bus/dax", root_ + "/" + dax + "/subsystem");
        write(dax + "/size", "8388608\n");
        write(dax + "/align", "2097152\n");
        write(dax + "/resource", "0x140100000\n");
        write(region + "/resource", "0x140000000\n");
        write(region + "/numa_node", "1\n");
        write(region + "/mapping0", "nmem0,0,8589934592,0\n");
        write(region + "/mapping1", "nmem1,0,8589934592,1\n");
        write(region + "/deep_flush", "");
        write(region + "/persistence_domain", "memory_controller\n");
        for (const char* nvdimm : {"nmem0", "nmem1"}) {
            write(std::string("bus/nd/devices/") + nvdimm + "/nfit/id",
                  std::string("8680-57341200-0000-") + nvdimm + "\n");
            write(std::string("bus/nd/devices/") + nvdimm + "/nfit/dirty_shutdown",
                  nvdimm[4] == '0' ? "3\n" : "40\n");
        }
        dax_ = dax;
        block_ = block;
        region_ = region;
        use_sysfs(root_.c_str());
    }
    ~AMachineWithNvdimms() override { use_sysfs(nullptr); }

    static std::string number(dev_t device) {
        return std::to_string(major(device)) + ":" + std::to_string(minor(device));
    }
    void write(const std::string& name, const std::string& text) {
        const std::filesystem::path path = root_ + "/" + name;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream(path) << text;
    }
    std::string read(const std::string& name) {
        std::ifstream file(root_ + "/" + name);
        return std::string(std::istreambuf_iterator<char>(file), {});
    }
    void remove(const std::string& name) { std::filesystem::remove(root_ + "/" + name); }
    void link(const std::string& to, const std::string& name) {
        std::filesystem::create_directories(root_ + "/" + to);
        std::filesystem::create_directories(std::filesystem::path(root_ + "/" + name).parent_path());
        std::filesystem::create_directory_symlink(root_ + "/" + to, root_ + "/" + name);
    }

    TemporaryDirectory directory_;
    std::string root_;
    OpenFile device_;
    TemporaryDirectory files_;
    std::string dax_, block_, region_;
};

TEST_F(AMachineWithNvdimms, KnowsTheSizeAndTheAlignmentOfADevice) {
    const Source source(device_.fd());
    std::size_t bytes = 0;
    EXPECT_EQ(pmem2_source_size(source, &bytes), 0);
    EXPECT_EQ(bytes, 8 * kMiB);
    EXPECT_EQ(pmem2_source_alignment(source, &bytes), 0);
    EXPECT_EQ(bytes, 2 * kMiB);

    write(dax_ + "/align", "3000000\n");
    EXPECT_EQ(pmem2_source_alignment(source, &bytes), PMEM2_E_INVALID_ALIGNMENT_VALUE);
    write(dax_ + "/align", "two\n");
    EXPECT_EQ(pmem2_source_alignment(source, &bytes), PMEM2_E_INVALID_ALIGNMENT_FORMAT);
    remove(dax_ + "/align");
    EXPECT_EQ(pmem2_source_alignment(source, &bytes), -ENOENT);
    write(dax_ + "/device/align", "4096\n");
    EXPECT_EQ(pmem2_source_alignment(source, &bytes), 0) << "older kernels tell it there";
    EXPECT_EQ(bytes, 4096U);
    write(dax_ + "/size", "much\n");
    EXPECT_EQ(pmem2_source_size(source, &bytes), PMEM2_E_INVALID_SIZE_FORMAT);
    remove(dax_ + "/size");
    EXPECT_EQ(pmem2_source_size(source, &bytes), -ENOENT);
}

TEST_F(AMachineWithNvdimms, MapsADeviceAtCacheLineGranularity) {
    const Source source(device_.fd());
    const Map map(Config(PMEM2_GRANULARITY_CACHE_LINE).length(6 * kMiB), source);
    ASSERT_TRUE(map.is_made()) << pmem2_errormsg();
    EXPECT_EQ(map.size(), 6 * kMiB);
    EXPECT_EQ(map.granularity(), PMEM2_GRANULARITY_CACHE_LINE);
    pmem2_get_memset_fn(map)(map.address(), 7, map.size(), 0);
    EXPECT_EQ(map.address()[6 * kMiB - 1], 7);
    EXPECT_EQ(pmem2_deep_flush(map, map.address(), 100), 0) << pmem2_errormsg();
    EXPECT_EQ(read(region_ + "/deep_flush"), "1") << "the memory controller's queue must be flushed";

    EXPECT_EQ(Map(Config().sharing(PMEM2_PRIVATE), source).result(), PMEM2_E_SRC_DEVDAX_PRIVATE);
    EXPECT_EQ(Map(Config().offset(kPage), source).result(), PMEM2_E_OFFSET_UNALIGNED);
    EXPECT_EQ(Map(Config().length(kMiB), source).result(), PMEM2_E_LENGTH_UNALIGNED);
    EXPECT_EQ(Map(Config().length(10 * kMiB), source).result(), PMEM2_E_MAP_RANGE);
    EXPECT_EQ(Map(Config(PMEM2_GRANULARITY_BYTE), source).result(), PMEM2_E_GRANULARITY_NOT_SUPPORTED);
}

TEST_F(AMachineWithNvdimms, PutsADeviceIntoAReservationAtItsAlignmentOnly) {
    const Source source(device_.fd());
    pmem2_vm_reservation* reservation = nullptr;
    ASSERT_EQ(pmem2_vm_reservation_new(&reservation, nullptr, 8 * kMiB), 0);
    {
        const Map map(Config().length(4 * kMiB).place(reservation, 2 * kMiB), source);
        ASSERT_TRUE(map.is_made()) << pmem2_errormsg();
        EXPECT_EQ(map.address(),
                  static_cast<char*>(pmem2_vm_reservation_get_address(reservation)) + 2 * kMiB);
        EXPECT_EQ(Map(Config().length(2 * kMiB).place(reservation, kPage), source).result(),
                  PMEM2_E_ADDRESS_UNALIGNED);
    }
    EXPECT_EQ(pmem2_vm_reservation_delete(&reservation), 0);
}

TEST_F(AMachineWithNvdimms, TellsIdentifierCountAndNode) {
    const NewFile file(files_.file("file"), kPage);
    for (const int fd : {device_.fd(), file.fd()}) {
        const Source source(fd);
        std::size_t length = 0;
        ASSERT_EQ(pmem2_source_device_id(source, nullptr, &length), 0) << pmem2_errormsg();
        const std::string expected = "8680-57341200-0000-nmem08680-57341200-0000-nmem1";
        ASSERT_EQ(length, expected.size() + 1);
        std::string id(length, '?');
        EXPECT_EQ(pmem2_source_device_id(source, id.data(), &length), 0);
        EXPECT_STREQ(id.c_str(), expected.c_str());
        --length;
        EXPECT_EQ(pmem2_source_device_id(source, id.data(), &length), PMEM2_E_BUFFER_TOO_SMALL);
        std::uint64_t count = 0;
        EXPECT_EQ(pmem2_source_device_usc(source, &count), 0);
        EXPECT_EQ(count, 43U);
        int node = -7;
        EXPECT_EQ(pmem2_source_numa_node(source, &node), 0);
        EXPECT_EQ(node, 1);
    }
    const Source source(device_.fd());
    std::uint64_t count = 7;
    write("bus/nd/devices/nmem1/nfit/dirty_shutdown", "none\n");
    EXPECT_EQ(pmem2_source_device_usc(source, &count), PMEM2_E_NOSUPP);
    remove("bus/nd/devices/nmem1/nfit/dirty_shutdown");
    EXPECT_EQ(pmem2_source_device_usc(source, &count), PMEM2_E_NOSUPP);
    EXPECT_EQ(count, 7U);
}

TEST_F(AMachineWithNvdimms, ListsTheBadBlocksOfADevice) {
    // In sectors of the region: the device begins at sector 2048.
    write(region_ + "/badblocks", "0 8\n2040 16\n4096 1\n4097 7\n18432 8\n1000000 8\n");
    pmem2_badblock_context* blocks = nullptr;
    ASSERT_EQ(pmem2_badblock_context_new(&blocks, Source(device_.fd())), 0) << pmem2_errormsg();
    pmem2_badblock block = {};
    ASSERT_EQ(pmem2_badblock_next(blocks, &block), 0);
    EXPECT_EQ(block.offset, 0U);
    EXPECT_EQ(block.length, 8 * 512U) << "the part that is the device's";
    ASSERT_EQ(pmem2_badblock_next(blocks, &block), 0);
    EXPECT_EQ(block.offset, kMiB);
    EXPECT_EQ(block.length, 8 * 512U) << "neighbours are one";
    EXPECT_EQ(pmem2_badblock_next(blocks, &block), PMEM2_E_NO_BAD_BLOCK_FOUND);
    block = {8 * kMiB, 512};
    EXPECT_EQ(pmem2_badblock_clear(blocks, &block), PMEM2_E_OFFSET_OUT_OF_RANGE);
    block = {0, 9 * kMiB};
    EXPECT_EQ(pmem2_badblock_clear(blocks, &block), PMEM2_E_LENGTH_OUT_OF_RANGE);
    block = {0, 512};
    if (access("/dev/ndctl0", F_OK) != 0) {
        EXPECT_EQ(pmem2_badblock_clear(blocks, &block), -ENOENT) << "this machine has no NVDIMM bus";
    }
    pmem2_badblock_context_delete(&blocks);

    remove(dax_ + "/resource");
    EXPECT_EQ(pmem2_badblock_context_new(&blocks, Source(device_.fd())), PMEM2_E_CANNOT_READ_BOUNDS);
    EXPECT_EQ(blocks, nullptr);
}

// Where the file system says that a byte of a file lies on its device; 0 when it does not say.
std::uint64_t physical_offset(int fd, std::uint64_t offset) {
    alignas(fiemap) char memory[sizeof(fiemap) + sizeof(fiemap_extent)] = {};
    fiemap* const request = reinterpret_cast<fiemap*>(memory);
    request->fm_start = offset;
    request->fm_length = 1;
    request->fm_flags = FIEMAP_FLAG_SYNC;
    request->fm_extent_count = 1;
    if (ioctl(fd, FS_IOC_FIEMAP, request) != 0 || request->fm_mapped_extents != 1)
        return 0;
    return request->fm_extents[0].fe_physical + (offset - request->fm_extents[0].fe_logical);
}

TEST_F(AMachineWithNvdimms, ListsTheBadBlocksOfAFileAndClearsThem) {
    const std::string path = files_.file("file");
    const NewFile file(path, 0);
    const std::string text(16 * kPage, 'x');
    ASSERT_EQ(pwrite(file.fd(), text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
    ASSERT_EQ(fsync(file.fd()), 0);
    const std::uint64_t physical = physical_offset(file.fd(), 4 * kPage);
    if (physical == 0)
        GTEST_SKIP() << "the file system of " << path << " does not say where files lie";
    // One bad sector in the fifth page, one of somebody else's.
    write(block_ + "/badblocks", std::to_string(physical / 512 + 3) + " 1\n0 1\n");
    pmem2_badblock_context* blocks = nullptr;
    ASSERT_EQ(pmem2_badblock_context_new(&blocks, Source(file.fd())), 0) << pmem2_errormsg();
    pmem2_badblock block = {};
    ASSERT_EQ(pmem2_badblock_next(blocks, &block), 0) << pmem2_errormsg();
    EXPECT_EQ(block.offset, 4 * kPage);
    EXPECT_EQ(block.length, kPage) << "a whole block of the file system: that is what can be replaced";
    pmem2_badblock another = {};
    EXPECT_EQ(pmem2_badblock_next(blocks, &another), PMEM2_E_NO_BAD_BLOCK_FOUND);

    EXPECT_EQ(pmem2_badblock_clear(blocks, &block), 0) << pmem2_errormsg();
    std::string after(text.size(), '?');
    ASSERT_EQ(pread(file.fd(), after.data(), after.size(), 0), static_cast<ssize_t>(after.size()));
    std::string expected = text;
    expected.replace(4 * kPage, kPage, kPage, '\0');
    EXPECT_EQ(after, expected) << "the bad block is zeroed, and nothing else";
    struct stat facts = {};
    fstat(file.fd(), &facts);
    EXPECT_EQ(facts.st_blocks, static_cast<blkcnt_t>(text.size() / 512))
        << "the file has all its blocks again";
    pmem2_badblock_context_delete(&blocks);

    // The same device, and the file system on a partition of it that begins at sector 2048: only the device
    // has a list.
    write(block_ + "/badblocks", "");
    const std::string partition = block_ + "/pmem3p1";
    write(partition + "/partition", "1\n");
    write(partition + "/start", "2048\n");
    write(partition + "/size", std::to_string(std::uint64_t{1} << 40) + "\n");
    const std::uint64_t moved = physical_offset(file.fd(), 8 * kPage);
    write(block_ + "/badblocks", std::to_string(moved / 512 + 2048) + " 1\n");
    stat(files_.path(), &facts);
    remove("dev/block/" + number(facts.st_dev));
    link(partition, "dev/block/" + number(facts.st_dev));
    ASSERT_EQ(pmem2_badblock_context_new(&blocks, Source(file.fd())), 0) << pmem2_errormsg();
    ASSERT_EQ(pmem2_badblock_next(blocks, &block), 0) << pmem2_errormsg();
    EXPECT_EQ(block.offset, 8 * kPage);
    pmem2_badblock_context_delete(&blocks);
}

TEST_F(AMachineWithNvdimms, ReadsAndWritesADeviceWithoutAMap) {
    const NewFile medium(directory_.file("medium"), 8 * kMiB);  // /dev/zero forgets
    const Source source(device_.fd());
    std::string text(3 * kMiB, 'd');
    std::string back(3 * kMiB, '?');
    mapped_instead = medium.fd();
    EXPECT_EQ(pmem2_source_pwrite_mcsafe(source, text.data(), text.size(), kMiB + 5), 0) << pmem2_errormsg();
    mapped_instead = medium.fd();
    EXPECT_EQ(pmem2_source_pread_mcsafe(source, back.data(), back.size(), kMiB + 5), 0) << pmem2_errormsg();
    EXPECT_EQ(back, text);
    EXPECT_EQ(pmem2_source_pread_mcsafe(source, back.data(), back.size(), 6 * kMiB),
              PMEM2_E_LENGTH_OUT_OF_RANGE);
}

TEST_F(AMachineWithNvdimms, MakesASigbusOfTheDeviceAnError) {
    const NewFile lost(directory_.file("lost"), kMiB);  // what lies behind raises SIGBUS
    const Source source(device_.fd());
    std::string buffer(2 * kMiB, 'b');
    struct sigaction before = {};
    sigaction(SIGBUS, nullptr, &before);
    for (int round = 0; round < 3; ++round) {
        mapped_instead = lost.fd();
        EXPECT_EQ(pmem2_source_pread_mcsafe(source, buffer.data(), buffer.size(), 0), PMEM2_E_IO_FAIL);
        mapped_instead = lost.fd();
        EXPECT_EQ(pmem2_source_pwrite_mcsafe(source, buffer.data(), 100, kMiB + 100), PMEM2_E_IO_FAIL);
        EXPECT_NE(strstr(pmem2_errormsg(), "bad block"), nullptr);
    }
    struct sigaction after = {};
    sigaction(SIGBUS, nullptr, &after);
    EXPECT_EQ(after.sa_handler, before.sa_handler) << "the program's handler is back";
}

sigjmp_buf program_knows;
volatile sig_atomic_t program_was_told = 0;

void handler_of_the_program(int, siginfo_t*, void*) {
    program_was_told = 1;
    siglongjmp(program_knows, 1);
}

TEST_F(AMachineWithNvdimms, PassesASigbusOfTheProgramsOwnOn) {
    // The buffer, which is the program's, is what fails: its handler must hear of it.
    EXPECT_EQ(run_in_child([&] {
                  struct sigaction own = {};
                  own.sa_sigaction = handler_of_the_program;
                  own.sa_flags = SA_SIGINFO;
                  sigaction(SIGBUS, &own, nullptr);
                  const NewFile empty(directory_.file("empty"), 0);
                  void* const buffer =
                      mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, empty.fd(), 0);
                  const Source source(device_.fd());
                  if (sigsetjmp(program_knows, 1) == 0)
                      (void)pmem2_source_pread_mcsafe(source, buffer, 100, 0);
                  return program_was_told == 1;
              }),
              0);
    EXPECT_EQ(run_in_child([&] {
                  signal(SIGBUS, SIG_DFL);
                  const NewFile empty(directory_.file("empty"), 0);
                  void* const buffer =
                      mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, empty.fd(), 0);
                  const Source source(device_.fd());
                  (void)pmem2_source_pread_mcsafe(source, buffer, 100, 0);
                  return true;
              }),
              SIGBUS)
        << "a program without a handler ends";
}

TEST(BadRanges, AreSortedMergedAndCut) {
    RangeList list;
    for (const ByteRange range :
         {ByteRange{100, 10}, ByteRange{0, 5}, ByteRange{110, 10}, ByteRange{105, 2}, ByteRange{5, 5}})
        ASSERT_TRUE(list.add(range));
    list.sort_and_merge();
    ASSERT_EQ(list.count, 2U);
    EXPECT_EQ(list.ranges[0].offset, 0U);
    EXPECT_EQ(list.ranges[0].length, 10U);
    EXPECT_EQ(list.ranges[1].offset, 100U);
    EXPECT_EQ(list.ranges[1].length, 20U);
    list.free_all();
    EXPECT_EQ(part_in({10, 20}, {15, 100}).offset, 0U);
    EXPECT_EQ(part_in({10, 20}, {15, 100}).length, 15U);
    EXPECT_EQ(part_in({10, 20}, {30, 100}).length, 0U);
    EXPECT_EQ(whole_blocks({4097, 1}, 4096).offset, 4096U);
    EXPECT_EQ(whole_blocks({4095, 2}, 4096).length, 8192U);
}

}  // namespace

// The linker sends the library's mmap here (--wrap).
extern "C" void* __real_mmap(void* address, size_t size, int protection, int flags, int fd, off_t offset);
extern "C" void* __wrap_mmap(void* address, size_t size, int protection, int flags, int fd, off_t offset);
void* __wrap_mmap(void* address, size_t size, int protection, int flags, int fd, off_t offset) {
    if (mapped_instead >= 0 && (flags & MAP_SHARED) != 0) {
        fd = mapped_instead;
        mapped_instead = -1;
    }
    return __real_mmap(address, size, protection, flags, fd, offset);
}
