// A C++ program with a pool, a root object and one transaction. Exit status 0 when right.
#include <libpmemobj.h>
#include <unistd.h>

#include <cstdint>

struct Root {
    std::uint64_t count;
};

int main() {
    const char* path = "libpmemobj_consumer.pool";
    unlink(path);
    PMEMobjpool* pool = pmemobj_create(path, "consumer", PMEMOBJ_MIN_POOL, 0600);
    if (pool == nullptr)
        return 1;
    const PMEMoid oid = pmemobj_root(pool, sizeof(Root));
    Root* root = static_cast<Root*>(pmemobj_direct(oid));
    if (root == nullptr)
        return 2;
    TX_BEGIN(pool) {
        pmemobj_tx_add_range(oid, 0, sizeof(Root));
        root->count = 42;
    }
    TX_END
    pmemobj_close(pool);
    pool = pmemobj_open(path, "consumer");
    if (pool == nullptr)
        return 3;
    root = static_cast<Root*>(pmemobj_direct(pmemobj_root(pool, sizeof(Root))));
    const bool kept = root->count == 42;
    pmemobj_close(pool);
    unlink(path);
    return kept ? 0 : 4;
}
