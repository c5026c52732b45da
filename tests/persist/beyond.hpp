// What the tests of libpmemobj/beyond.h share: a pool at either granularity, its figures, and a second file for a copy.
#pragma once

#include <libpmemobj/beyond.h>
#include <sys/stat.h>

#include "persist/pool/medium.hpp"
#include "tests/persist/engine_support.hpp"

namespace terrace::persist::testing {

constexpr size_t kMiB = 1 << 20;

class Beyond : public PoolTest {
  protected:
    void TearDown() override {
        observe_files(nullptr);
        PoolTest::TearDown();
        unlink(copy_path().c_str());
    }
    std::string copy_path() const { return path_ + "-copy"; }
    uint64_t file_bytes() const {
        struct stat status {};
        stat(path_.c_str(), &status);
        return static_cast<uint64_t>(status.st_size);
    }
    pobj_space space() {
        pobj_space space{};
        EXPECT_EQ(pmemobj_space(pool_, &space, sizeof space), 0) << pmemobj_errormsg();
        return space;
    }
    PMEMoid allocate(size_t bytes, uint64_t type = 1) {
        PMEMoid oid = OID_NULL;
        pmemobj_zalloc(pool_, &oid, bytes, type);
        return oid;
    }
    void expect_sound() { EXPECT_EQ(pmemobj_check(path_.c_str(), "test"), 1) << pmemobj_errormsg(); }
};

}  // namespace terrace::persist::testing
