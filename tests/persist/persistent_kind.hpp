// A persistent kind with an empty pool of 16 MiB, on tmpfs (cache-line granularity) and on disk (page granularity).
#pragma once

#include <gtest/gtest.h>
#include <libpmemobj.h>
#include <memkind_persistent.h>

#include <cstring>
#include <string>

#include "tests/support/child_process.hpp"
#include "tests/support/temporary_directory.hpp"

namespace terrace::tests {

inline constexpr std::size_t kPoolSize = std::size_t{16} << 20;

struct Root {
    PMEMoid newest;
};

class PersistentKind : public testing::TestWithParam<TemporaryDirectory::Where> {
  protected:
    void SetUp() override { open(); }
    void TearDown() override {
        if (kind_ != nullptr) {
            EXPECT_EQ(memkind_destroy_kind(kind_), MEMKIND_SUCCESS);
        }
    }
    void open() {
        ASSERT_EQ(memkind_create_persistent(path_.c_str(), "test", kPoolSize, &kind_), MEMKIND_SUCCESS)
            << pmemobj_errormsg();
        pool_ = memkind_persistent_pool(kind_);
        ASSERT_NE(pool_, nullptr);
        root_ = static_cast<Root*>(pmemobj_direct(pmemobj_root(pool_, sizeof(Root))));
        ASSERT_NE(root_, nullptr);
    }
    void reopen() {
        ASSERT_EQ(memkind_destroy_kind(kind_), MEMKIND_SUCCESS);
        kind_ = nullptr;
        open();
    }
    std::size_t objects() const {
        std::size_t count = 0;
        for (PMEMoid object = pmemobj_first(pool_); !OID_IS_NULL(object); object = pmemobj_next(object))
            ++count;
        return count;
    }
    char* text(const char* contents) {
        auto* const memory = static_cast<char*>(memkind_malloc(kind_, 100));
        if (memory != nullptr)
            std::strcpy(memory, contents);
        return memory;
    }

    TemporaryDirectory directory_{GetParam()};
    std::string path_ = directory_.file("pool");
    memkind_t kind_ = nullptr;
    PMEMobjpool* pool_ = nullptr;
    Root* root_ = nullptr;
};

inline std::string where_of(const testing::TestParamInfo<TemporaryDirectory::Where>& tested) {
    return tested.param == TemporaryDirectory::Where::kTmpfs ? "Tmpfs" : "Disk";
}
inline const auto kBothMedia =
    testing::Values(TemporaryDirectory::Where::kTmpfs, TemporaryDirectory::Where::kDisk);

}  // namespace terrace::tests
