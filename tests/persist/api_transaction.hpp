// The fixture of the tests of transactions: an open pool whose root object is words and places for names.
// No object with a destructor may live across an abort, so tests keep to plain data inside of transactions.
// Written against libpmemobj.h only.
#pragma once

#include "tests/persist/api_pool.hpp"

namespace terrace::persist::test {

struct Data {
    std::uint64_t word[512];
    PMEMoid oid[16];
};

class ATransaction : public OpenPool {
  protected:
    void SetUp() override {
        OpenPool::SetUp();
        if (pool != nullptr)
            data = root<Data>();
    }
    void reopen() {
        OpenPool::reopen();
        data = root<Data>();
    }
    void add(const void* address, std::size_t size) {
        EXPECT_EQ(pmemobj_tx_add_range_direct(address, size), 0);
    }
    Data* data = nullptr;
};

}  // namespace terrace::persist::test
