// Poolset files: one part works, everything else is refused with a message that names the line.
// Written against libpmemobj.h only.
#include <fstream>

#include "tests/persist/api_pool.hpp"

namespace terrace::persist::test {
namespace {

class PoolSet : public testing::TestWithParam<Place> {
  protected:
    void write(const std::string& text) { std::ofstream(file.path()) << text; }
    std::string line(const char* size) const { return std::string(size) + " " + part.path() + "\n"; }
    PMEMobjpool* create() {
        errno = 0;
        return pmemobj_create(file.path(), kLayout, 0, 0600);
    }
    PMEMobjpool* open() {
        errno = 0;
        return pmemobj_open(file.path(), kLayout);
    }
    PoolFile file{GetParam()};
    PoolFile part{GetParam()};
};
TEST_IN_BOTH_PLACES(PoolSet);

TEST_P(PoolSet, OfOnePartIsAPool) {
    write("PMEMPOOLSET\n# a comment\n\nOPTION SINGLEHDR\n" + line("16M") + "  # the end\n");
    PMEMobjpool* pool = create();
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    const PMEMoid oid = pmemobj_root(pool, 100);
    pmemobj_close(pool);
    struct stat status = {};
    ASSERT_EQ(stat(part.path(), &status), 0);
    EXPECT_EQ(status.st_size, 16 << 20);

    pool = open();
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    EXPECT_TRUE(OID_EQUALS(pmemobj_root(pool, 0), oid));
    EXPECT_EQ(open(), nullptr);
    EXPECT_EQ(errno, EWOULDBLOCK);
    pmemobj_close(pool);
    EXPECT_EQ(pmemobj_check(file.path(), kLayout), 1);
    EXPECT_EQ(create(), nullptr) << "the part is a pool already";
    EXPECT_EQ(errno, EEXIST);
    pool = pmemobj_open(part.path(), kLayout);
    ASSERT_NE(pool, nullptr) << "the part itself is a pool too";
    pmemobj_close(pool);
}

TEST_P(PoolSet, TakesSizesWithUnits) {
    for (const char* size : {"8388608", "8388608B", "8192K", "8192KB", "8192KiB", "8M", "8MB", "8MiB"}) {
        write("PMEMPOOLSET\n" + line(size));
        PMEMobjpool* pool = create();
        ASSERT_NE(pool, nullptr) << size << ": " << pmemobj_errormsg();
        pmemobj_close(pool);
        struct stat status = {};
        ASSERT_EQ(stat(part.path(), &status), 0);
        EXPECT_EQ(status.st_size, 8 << 20) << size;
        unlink(part.path());
    }
}

TEST_P(PoolSet, OfOtherKindsIsNotSupportedYet) {
    const std::string one = "PMEMPOOLSET\n" + line("16M");
    const std::string directory = directory_of(GetParam());
    for (const std::string& text : std::vector<std::string>{
             one + "16M /somewhere/else\n", one + "REPLICA\n" + line("16M"), one + "REPLICA host set\n",
             "PMEMPOOLSET\n16G " + directory + "\n", "PMEMPOOLSET\nAUTO /dev/dax0.0\n"}) {
        write(text);
        EXPECT_EQ(create(), nullptr) << text;
        EXPECT_EQ(errno, ENOTSUP) << text;
        EXPECT_NE(strstr(pmemobj_errormsg(), "not supported yet"), nullptr) << pmemobj_errormsg();
        EXPECT_EQ(open(), nullptr) << text;
        EXPECT_EQ(errno, ENOTSUP) << text;
        EXPECT_EQ(pmemobj_check(file.path(), kLayout), -1);
        EXPECT_FALSE(part.exists());
    }
}

TEST_P(PoolSet, ThatIsWrongIsRefused) {
    for (const std::string& text : std::vector<std::string>{
             std::string("PMEMPOOLSET\n"), std::string("PMEMPOOLSETS\n") + line("16M"),
             "PMEMPOOLSET\n" + line("much"), "PMEMPOOLSET\n" + line("16X"), "PMEMPOOLSET\n" + line("0"),
             "PMEMPOOLSET\n" + line("99999999999999P"), std::string("PMEMPOOLSET\n16M\n"),
             std::string("PMEMPOOLSET\n16M relative\n"), "PMEMPOOLSET\nOPTION OTHER\n" + line("16M"),
             "PMEMPOOLSET\nOPTION\n" + line("16M"), "PMEMPOOLSET\n16M a b\n" + line("16M"),
             "PMEMPOOLSET\n" + line("1M")}) {
        write(text);
        EXPECT_EQ(create(), nullptr) << text;
        EXPECT_EQ(errno, EINVAL) << text << pmemobj_errormsg();
        EXPECT_FALSE(part.exists());
    }
    write("PMEMPOOLSET\n# two\n16M relative\n");
    EXPECT_EQ(create(), nullptr);
    EXPECT_NE(strstr(pmemobj_errormsg(), (std::string(file.path()) + ":3").c_str()), nullptr)
        << "the message names the line: " << pmemobj_errormsg();
}

TEST_P(PoolSet, WhosePartIsSmallerIsRefused) {
    write("PMEMPOOLSET\n" + line("16M"));
    PMEMobjpool* pool = create();
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    pmemobj_close(pool);
    write("PMEMPOOLSET\n" + line("32M"));
    EXPECT_EQ(open(), nullptr);
    EXPECT_EQ(errno, EINVAL);
    write("PMEMPOOLSET\n" + line("8M"));
    pool = open();
    ASSERT_NE(pool, nullptr) << "it may have grown: " << pmemobj_errormsg();
    pmemobj_close(pool);
    unlink(part.path());
    EXPECT_EQ(open(), nullptr);
    EXPECT_EQ(errno, ENOENT);
}

TEST_P(PoolSet, TakesAFileOfZeroesAsItsPart) {
    part.write(std::vector<char>(16 << 20));
    write("PMEMPOOLSET\n" + line("8M"));
    EXPECT_EQ(create(), nullptr) << "another size";
    EXPECT_EQ(errno, EINVAL);
    write("PMEMPOOLSET\n" + line("16M"));
    PMEMobjpool* pool = create();
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    pmemobj_close(pool);
}

}  // namespace
}  // namespace terrace::persist::test
