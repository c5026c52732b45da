// pmemobj_defrag: objects leave sparse pages, and every name that was listed follows.
// Written against libpmemobj.h only.
#include <algorithm>

#include "tests/persist/api_pool.hpp"

namespace terrace::persist::test {
namespace {

class Defragmentation : public OpenPool {
  protected:
    // `count` objects that hold their number, of which every `keep`-th is left.
    std::vector<PMEMoid> sparse_objects(std::uint32_t count, std::uint32_t keep, std::size_t size,
                                        std::uint64_t types = 1) {
        std::vector<PMEMoid> all(count);
        PMEMoid* const names = all.data();
        TX_BEGIN(pool) {
            for (std::uint32_t i = 0; i < count; ++i) {
                names[i] = pmemobj_tx_zalloc(size, i % types);
                *content(names[i]) = i;
            }
        }
        TX_ONABORT {
            ADD_FAILURE() << pmemobj_errormsg();
        }
        TX_END
        TX_BEGIN(pool) {
            for (std::uint32_t i = 0; i < count; ++i)
                if (i % keep != 0)
                    pmemobj_tx_free(names[i]);
        }
        TX_ONABORT {
            ADD_FAILURE() << pmemobj_errormsg();
        }
        TX_END
        std::vector<PMEMoid> kept;
        for (std::uint32_t i = 0; i < count; i += keep)
            kept.push_back(all[i]);
        return kept;
    }
    static std::uint32_t* content(PMEMoid oid) { return static_cast<std::uint32_t*>(pmemobj_direct(oid)); }
    std::uint64_t small_pages() {
        std::uint64_t bytes = 0;
        EXPECT_EQ(pmemobj_ctl_get(pool, "stats.heap.run_active", &bytes), 0);
        return bytes;
    }
    static std::vector<PMEMoid*> places(std::vector<PMEMoid>& oids) {
        std::vector<PMEMoid*> result;
        for (PMEMoid& oid : oids)
            result.push_back(&oid);
        return result;
    }
};
TEST_IN_BOTH_PLACES(Defragmentation);

TEST_P(Defragmentation, EmptiesSparsePages) {
    for (const std::size_t size : {64UL, 100UL, 1000UL, 10000UL}) {
        auto kept = sparse_objects(1000, 10, size);
        const std::uint64_t before = small_pages();
        auto names = places(kept);
        pobj_defrag_result result = {};
        ASSERT_EQ(pmemobj_defrag(pool, names.data(), names.size(), &result), 0) << pmemobj_errormsg();
        EXPECT_EQ(result.total, kept.size());
        EXPECT_GT(result.relocated, kept.size() / 2) << size;
        EXPECT_LT(small_pages(), before / 2) << size;
        for (std::uint32_t i = 0; i < kept.size(); ++i)
            EXPECT_EQ(*content(kept[i]), i * 10) << size;
        EXPECT_EQ(objects(), 100);
        reopen();
        EXPECT_EQ(objects(), 100);
        for (std::uint32_t i = 0; i < kept.size(); ++i)
            EXPECT_EQ(*content(kept[i]), i * 10) << size;
        for (PMEMoid& oid : kept)
            pmemobj_free(&oid);
    }
}

TEST_P(Defragmentation, KeepsTypeNumbers) {
    auto kept = sparse_objects(4000, 9, 64, 30);  // more types than have pages of their own
    auto names = places(kept);
    pobj_defrag_result result = {};
    ASSERT_EQ(pmemobj_defrag(pool, names.data(), names.size(), &result), 0) << pmemobj_errormsg();
    EXPECT_GT(result.relocated, 0U);
    reopen();
    for (std::uint32_t i = 0; i < kept.size(); ++i) {
        EXPECT_EQ(*content(kept[i]), i * 9);
        EXPECT_EQ(pmemobj_type_num(kept[i]), i * 9 % 30);
    }
}

TEST_P(Defragmentation, ChangesEveryNameThatIsListed) {
    struct Names {
        PMEMoid name[100];
        PMEMoid again[100];
    };
    auto* durable = root<Names>();
    auto kept = sparse_objects(1000, 10, 200);
    auto volatile_names = kept;
    std::vector<PMEMoid*> names;
    for (std::size_t i = 0; i < kept.size(); ++i) {
        durable->name[i] = kept[i];
        durable->again[i] = kept[i];
        names.insert(names.end(), {&durable->again[i], &volatile_names[i], &durable->name[i]});
    }
    PMEMoid none = OID_NULL;
    names.push_back(&none);
    pmemobj_persist(pool, durable, sizeof *durable);
    pobj_defrag_result result = {};
    ASSERT_EQ(pmemobj_defrag(pool, names.data(), names.size(), &result), 0) << pmemobj_errormsg();
    EXPECT_EQ(result.total, 100U) << "an object counts once";
    EXPECT_GT(result.relocated, 50U);
    EXPECT_TRUE(OID_IS_NULL(none));
    std::size_t changed = 0;
    for (std::size_t i = 0; i < kept.size(); ++i) {
        EXPECT_TRUE(OID_EQUALS(durable->name[i], volatile_names[i]));
        EXPECT_TRUE(OID_EQUALS(durable->again[i], volatile_names[i]));
        changed += OID_EQUALS(durable->name[i], kept[i]) ? 0 : 1;
    }
    EXPECT_EQ(changed, result.relocated);
    reopen();
    durable = root<Names>();
    for (std::uint32_t i = 0; i < 100; ++i) {
        EXPECT_EQ(*content(durable->name[i]), i * 10);
        EXPECT_TRUE(OID_EQUALS(durable->name[i], durable->again[i]));
    }
}

TEST_P(Defragmentation, FollowsNamesInObjectsThatMoveThemselves) {
    struct Link {
        std::uint32_t number;
        PMEMoid next;
    };
    auto kept = sparse_objects(2000, 20, sizeof(Link));
    const auto link = [](PMEMoid oid) { return static_cast<Link*>(pmemobj_direct(oid)); };
    // A chain that goes back and forth among the offsets.
    std::vector<PMEMoid> order = kept;
    for (std::size_t i = 0; i + 1 < order.size(); i += 2)
        std::swap(order[i], order[order.size() - 1 - i]);
    auto* first = root<PMEMoid>();
    *first = order[0];
    std::vector<PMEMoid*> names{first};
    for (std::size_t i = 0; i < order.size(); ++i) {
        link(order[i])->number = static_cast<std::uint32_t>(i);
        link(order[i])->next = i + 1 < order.size() ? order[i + 1] : OID_NULL;
        pmemobj_persist(pool, link(order[i]), sizeof(Link));
        names.push_back(&link(order[i])->next);
    }
    pmemobj_persist(pool, first, sizeof *first);
    pobj_defrag_result result = {};
    ASSERT_EQ(pmemobj_defrag(pool, names.data(), names.size(), &result), 0) << pmemobj_errormsg();
    EXPECT_GT(result.relocated, 0U);
    for (int opening = 0; opening < 2; ++opening) {
        std::uint32_t number = 0;
        for (PMEMoid at = *root<PMEMoid>(); !OID_IS_NULL(at); at = link(at)->next)
            ASSERT_EQ(link(at)->number, number++);
        EXPECT_EQ(number, order.size());
        reopen();
    }
}

TEST_P(Defragmentation, LeavesLargeAndDenseObjectsAlone) {
    PMEMoid large;
    ASSERT_EQ(pmemobj_alloc(pool, &large, 1U << 20U, 0, nullptr, nullptr), 0);
    auto dense = sparse_objects(1000, 1, 64);
    auto names = places(dense);
    names.push_back(&large);
    const auto before = dense;
    pobj_defrag_result result = {};
    ASSERT_EQ(pmemobj_defrag(pool, names.data(), names.size(), &result), 0);
    EXPECT_EQ(result.total, 1001U);
    EXPECT_LT(result.relocated, 256U) << "at most what lies in the last page";
    EXPECT_EQ(pmemobj_defrag(pool, names.data(), names.size(), &result), 0);
    EXPECT_EQ(result.relocated, 0U) << "a second time there is nothing to do";
}

TEST_P(Defragmentation, RefusesNamesOfNothing) {
    auto kept = sparse_objects(100, 10, 64);
    PMEMoid wrong = {kept[0].pool_uuid_lo, kept[0].off + 8};
    PMEMoid* names[] = {&kept[1], &wrong};
    pobj_defrag_result result = {9, 9};
    EXPECT_EQ(pmemobj_defrag(pool, names, 2, &result), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(result.total, 0U);
    EXPECT_EQ(result.relocated, 0U);
    EXPECT_EQ(pmemobj_defrag(pool, nullptr, 0, nullptr), 0);
}

}  // namespace
}  // namespace terrace::persist::test
