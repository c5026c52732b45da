// Single objects: atomic allocation, resizing and freeing; reservations; iteration.
// Written against libpmemobj.h only.
#include <algorithm>

#include "tests/persist/api_pool.hpp"

namespace terrace::persist::test {
namespace {

struct Places {
    PMEMoid oid[64];
    std::uint64_t word[4];
};

class AnObject : public OpenPool {
  protected:
    PMEMoid alloc(std::size_t size, std::uint64_t type = 1) {
        PMEMoid oid = OID_NULL;
        EXPECT_EQ(pmemobj_alloc(pool, &oid, size, type, nullptr, nullptr), 0) << pmemobj_errormsg();
        return oid;
    }
};

int fill_with_a(PMEMobjpool* pool, void* address, void* size) {
    pmemobj_memset_persist(pool, address, 'a', *static_cast<std::size_t*>(size));
    return 0;
}

int refuse(PMEMobjpool*, void*, void*) {
    return 1;
}

TEST_P(AnObject, HasItsSizeAndType) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{64}, std::size_t{1000}, std::size_t{70000}}) {
        const PMEMoid oid = alloc(size, size + 5);
        EXPECT_GE(pmemobj_alloc_usable_size(oid), size);
        EXPECT_EQ(pmemobj_type_num(oid), size + 5);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pmemobj_direct(oid)) % 16, 0U);
    }
}

TEST_P(AnObject, IsBuiltByItsConstructor) {
    std::size_t size = 500;
    PMEMoid oid;
    ASSERT_EQ(pmemobj_alloc(pool, &oid, size, 1, fill_with_a, &size), 0);
    const std::string expected(size, 'a');
    EXPECT_EQ(memcmp(pmemobj_direct(oid), expected.data(), size), 0);
    reopen();
    EXPECT_EQ(memcmp(pmemobj_direct(oid), expected.data(), size), 0);
}

TEST_P(AnObject, IsGivenUpByItsConstructor) {
    Places* const places = root<Places>();
    places->oid[0] = OID_NULL;
    EXPECT_EQ(pmemobj_alloc(pool, &places->oid[0], 100, 1, refuse, nullptr), -1);
    EXPECT_EQ(errno, ECANCELED);
    EXPECT_TRUE(OID_IS_NULL(places->oid[0]));
    EXPECT_EQ(objects(), 0);
}

TEST_P(AnObject, OfNoBytesOrTooManyIsRefused) {
    PMEMoid oid = {1, 2};
    EXPECT_EQ(pmemobj_alloc(pool, &oid, 0, 1, nullptr, nullptr), -1);
    EXPECT_EQ(errno, EINVAL);
    for (const std::size_t size : {SIZE_MAX, SIZE_MAX - 8, PMEMOBJ_MAX_ALLOC_SIZE, kPoolSize}) {
        EXPECT_EQ(pmemobj_alloc(pool, &oid, size, 1, nullptr, nullptr), -1) << size;
        EXPECT_EQ(errno, ENOMEM) << size;
        EXPECT_EQ(pmemobj_zalloc(pool, &oid, size, 1), -1) << size;
        EXPECT_EQ(errno, ENOMEM) << size;
    }
    EXPECT_EQ(objects(), 0);
}

TEST_P(AnObject, OfZeroesIsZeroEvenInUsedMemory) {
    PMEMoid oid = alloc(3000);
    pmemobj_memset_persist(pool, pmemobj_direct(oid), 0x55, 3000);
    pmemobj_free(&oid);
    for (int i = 0; i < 10; ++i) {
        ASSERT_EQ(pmemobj_zalloc(pool, &oid, 3000, 1), 0);
        const char* const bytes = static_cast<const char*>(pmemobj_direct(oid));
        EXPECT_TRUE(std::all_of(bytes, bytes + 3000, [](char byte) { return byte == 0; }));
        ASSERT_EQ(pmemobj_xalloc(pool, &oid, 3000, 1, POBJ_XALLOC_ZERO, nullptr, nullptr), 0);
        const char* const more = static_cast<const char*>(pmemobj_direct(oid));
        EXPECT_TRUE(std::all_of(more, more + 3000, [](char byte) { return byte == 0; }));
    }
}

TEST_P(AnObject, WithAnUnknownFlagIsRefused) {
    PMEMoid oid;
    EXPECT_EQ(pmemobj_xalloc(pool, &oid, 64, 1, POBJ_FLAG_NO_SNAPSHOT, nullptr, nullptr), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(objects(), 0);
}

TEST_P(AnObject, IsNamedInThePoolOrOutsideOrNowhere) {
    Places* places = root<Places>();
    ASSERT_EQ(pmemobj_alloc(pool, &places->oid[0], 64, 1, nullptr, nullptr), 0);
    PMEMoid outside;
    ASSERT_EQ(pmemobj_alloc(pool, &outside, 64, 2, nullptr, nullptr), 0);
    ASSERT_EQ(pmemobj_alloc(pool, nullptr, 64, 3, nullptr, nullptr), 0);
    EXPECT_EQ(objects(), 3);
    reopen();
    EXPECT_EQ(objects(), 3);
    places = root<Places>();
    EXPECT_EQ(pmemobj_type_num(places->oid[0]), 1U);
    EXPECT_EQ(pmemobj_type_num(outside), 2U);
}

TEST_P(AnObject, FreedIsGoneWithItsName) {
    Places* places = root<Places>();
    ASSERT_EQ(pmemobj_zalloc(pool, &places->oid[0], 64, 1), 0);
    ASSERT_EQ(pmemobj_zalloc(pool, &places->oid[1], 64, 1), 0);
    pmemobj_free(&places->oid[0]);
    EXPECT_TRUE(OID_IS_NULL(places->oid[0]));
    EXPECT_EQ(objects(), 1);
    pmemobj_free(&places->oid[0]);  // nothing to free
    reopen();
    places = root<Places>();
    EXPECT_TRUE(OID_IS_NULL(places->oid[0]));
    EXPECT_FALSE(OID_IS_NULL(places->oid[1]));
    EXPECT_EQ(objects(), 1);
}

TEST_P(AnObject, ResizedKeepsItsContent) {
    Places* const places = root<Places>();
    PMEMoid* const oid = &places->oid[0];
    ASSERT_EQ(pmemobj_realloc(pool, oid, 100, 1), 0) << "of OID_NULL it allocates";
    pmemobj_memset_persist(pool, pmemobj_direct(*oid), 'k', 100);
    ASSERT_EQ(pmemobj_realloc(pool, oid, 50000, 2), 0);
    EXPECT_GE(pmemobj_alloc_usable_size(*oid), 50000U);
    EXPECT_EQ(pmemobj_type_num(*oid), 2U);
    EXPECT_EQ(static_cast<char*>(pmemobj_direct(*oid))[99], 'k');
    ASSERT_EQ(pmemobj_realloc(pool, oid, 10, 2), 0);
    EXPECT_EQ(static_cast<char*>(pmemobj_direct(*oid))[9], 'k');
    EXPECT_EQ(objects(), 1);
    EXPECT_EQ(pmemobj_realloc(pool, oid, SIZE_MAX, 2), -1);
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_EQ(static_cast<char*>(pmemobj_direct(*oid))[9], 'k');
    ASSERT_EQ(pmemobj_realloc(pool, oid, 0, 2), 0) << "to size 0 it frees";
    EXPECT_TRUE(OID_IS_NULL(*oid));
    EXPECT_EQ(objects(), 0);
}

TEST_P(AnObject, ResizedWithZeroesEndsInZeroes) {
    PMEMoid oid = OID_NULL;
    ASSERT_EQ(pmemobj_zrealloc(pool, &oid, 64, 1), 0);
    const std::size_t before = pmemobj_alloc_usable_size(oid);
    pmemobj_memset_persist(pool, pmemobj_direct(oid), 'k', before);
    ASSERT_EQ(pmemobj_zrealloc(pool, &oid, 9000, 1), 0);
    const char* const bytes = static_cast<const char*>(pmemobj_direct(oid));
    EXPECT_EQ(bytes[63], 'k');
    EXPECT_TRUE(std::all_of(bytes + before, bytes + 9000, [](char byte) { return byte == 0; }));
}

TEST_P(AnObject, DoesNotOverlapAnother) {
    std::vector<std::pair<char*, std::size_t>> made;
    for (std::size_t i = 0; i < 300; ++i) {
        const std::size_t size = 1 + i * i % 5000;
        const PMEMoid oid = alloc(size);
        made.emplace_back(static_cast<char*>(pmemobj_direct(oid)), pmemobj_alloc_usable_size(oid));
    }
    std::sort(made.begin(), made.end());
    for (std::size_t i = 1; i < made.size(); ++i)
        ASSERT_LE(made[i - 1].first + made[i - 1].second, made[i].first);
}

TEST_P(AnObject, FindsNoRoomInAFullPoolAndRoomAgainAfterAFree) {
    std::vector<PMEMoid> made;
    PMEMoid oid;
    while (pmemobj_alloc(pool, &oid, 200000, 1, nullptr, nullptr) == 0)
        made.push_back(oid);
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_GE(made.size() * 200000, kPoolSize / 2);
    pmemobj_free(&made.back());
    EXPECT_EQ(pmemobj_alloc(pool, &made.back(), 200000, 1, nullptr, nullptr), 0) << pmemobj_errormsg();
    for (PMEMoid& each : made)
        pmemobj_free(&each);
    EXPECT_EQ(objects(), 0);
    // Free neighbours merge, also across a reopen.
    EXPECT_EQ(pmemobj_alloc(pool, &oid, 1000000, 1, nullptr, nullptr), 0) << pmemobj_errormsg();
    pmemobj_free(&oid);
    reopen();
    EXPECT_EQ(pmemobj_alloc(pool, &oid, 1000000, 1, nullptr, nullptr), 0) << pmemobj_errormsg();
}

TEST_P(AnObject, IsSeenOnceInAWalk) {
    std::vector<std::uint64_t> expected;
    for (std::uint64_t type = 1; type <= 200; ++type) {
        alloc(static_cast<std::size_t>(type * 37), type);
        expected.push_back(type);
    }
    (void)root<Places>();
    for (int round = 0; round < 2; ++round) {
        std::vector<std::uint64_t> seen;
        std::vector<std::uint64_t> offsets;
        PMEMoid oid;
        POBJ_FOREACH(pool, oid) {
            seen.push_back(pmemobj_type_num(oid));
            offsets.push_back(oid.off);
        }
        EXPECT_TRUE(std::is_sorted(offsets.begin(), offsets.end()));
        std::sort(seen.begin(), seen.end());
        EXPECT_EQ(seen, expected);
        reopen();
    }
    PMEMoid oid;
    PMEMoid next;
    POBJ_FOREACH_SAFE(pool, oid, next) pmemobj_free(&oid);
    EXPECT_TRUE(OID_IS_NULL(pmemobj_first(pool)));
}

TEST_P(AnObject, ReservedIsUsableAndUnseenUntilPublished) {
    pobj_action action;
    const PMEMoid oid = pmemobj_reserve(pool, &action, 100, 9);
    ASSERT_FALSE(OID_IS_NULL(oid)) << pmemobj_errormsg();
    EXPECT_EQ(action.type, POBJ_ACTION_TYPE_HEAP);
    EXPECT_EQ(action.heap.offset, oid.off);
    EXPECT_GE(action.heap.usable_size, 100U);
    memset(pmemobj_direct(oid), 'r', 100);
    pmemobj_persist(pool, pmemobj_direct(oid), 100);
    EXPECT_EQ(objects(), 0);
    ASSERT_EQ(pmemobj_publish(pool, &action, 1), 0);
    EXPECT_EQ(objects(), 1);
    reopen();
    EXPECT_EQ(objects(), 1);
    EXPECT_EQ(pmemobj_type_num(oid), 9U);
    EXPECT_EQ(static_cast<char*>(pmemobj_direct(oid))[99], 'r');
}

TEST_P(AnObject, ReservedAndNeverPublishedIsGoneAtTheNextOpen) {
    pobj_action actions[20];
    for (pobj_action& action : actions)
        ASSERT_FALSE(OID_IS_NULL(pmemobj_reserve(pool, &action, 100000, 1)));
    for (int i = 0; i < 3; ++i) {
        reopen();
        EXPECT_EQ(objects(), 0);
        for (pobj_action& action : actions)
            ASSERT_FALSE(OID_IS_NULL(pmemobj_reserve(pool, &action, 100000, 1))) << "round " << i;
    }
}

TEST_P(AnObject, ReservedAndCancelledGivesItsRoomBack) {
    for (int i = 0; i < 100; ++i) {
        pobj_action actions[2];
        ASSERT_FALSE(OID_IS_NULL(pmemobj_reserve(pool, &actions[0], 2000000, 1))) << "round " << i;
        ASSERT_FALSE(OID_IS_NULL(pmemobj_xreserve(pool, &actions[1], 64, 1, POBJ_XALLOC_ZERO)));
        pmemobj_cancel(pool, actions, 2);
    }
    EXPECT_EQ(objects(), 0);
}

TEST_P(AnObject, ReservedInVainSaysWhy) {
    pobj_action action;
    EXPECT_TRUE(OID_IS_NULL(pmemobj_reserve(pool, &action, SIZE_MAX, 1)));
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_TRUE(OID_IS_NULL(pmemobj_reserve(pool, &action, 2 * kPoolSize, 1)));
    EXPECT_EQ(errno, ENOMEM);
}

TEST_P(AnObject, IsReplacedInOneStepByAPublication) {
    Places* places = root<Places>();
    ASSERT_EQ(pmemobj_zalloc(pool, &places->oid[0], 64, 1), 0);
    const PMEMoid old = places->oid[0];

    pobj_action actions[4];
    const PMEMoid fresh = pmemobj_reserve(pool, &actions[0], 128, 2);
    pmemobj_set_value(pool, &actions[1], &places->oid[0].off, fresh.off);
    pmemobj_set_value(pool, &actions[2], &places->word[0], 77);
    pmemobj_defer_free(pool, old, &actions[3]);
    EXPECT_EQ(places->word[0], 0U);
    EXPECT_EQ(pmemobj_type_num(old), 1U) << "whole until published";
    ASSERT_EQ(pmemobj_publish(pool, actions, 4), 0);

    EXPECT_EQ(places->word[0], 77U);
    EXPECT_EQ(objects(), 1);
    reopen();
    places = root<Places>();
    EXPECT_EQ(places->word[0], 77U);
    EXPECT_EQ(pmemobj_type_num(places->oid[0]), 2U);
    EXPECT_EQ(objects(), 1);
}

TEST_P(AnObject, IsPublishedWithManyOthersAtOnce) {
    Places* places = root<Places>();
    std::vector<pobj_action> actions;
    for (std::uint64_t i = 0; i < 64; ++i) {
        actions.emplace_back();
        const PMEMoid oid = pmemobj_reserve(pool, &actions.back(), 64, i + 1);
        ASSERT_FALSE(OID_IS_NULL(oid));
        actions.emplace_back();
        pmemobj_set_value(pool, &actions.back(), &places->oid[i].pool_uuid_lo, oid.pool_uuid_lo);
        actions.emplace_back();
        pmemobj_set_value(pool, &actions.back(), &places->oid[i].off, oid.off);
    }
    ASSERT_EQ(pmemobj_publish(pool, actions.data(), actions.size()), 0) << pmemobj_errormsg();
    reopen();
    places = root<Places>();
    EXPECT_EQ(objects(), 64);
    for (std::uint64_t i = 0; i < 64; ++i)
        EXPECT_EQ(pmemobj_type_num(places->oid[i]), i + 1);
}

TEST_IN_BOTH_PLACES(AnObject);

}  // namespace
}  // namespace terrace::persist::test
