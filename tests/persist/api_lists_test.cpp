// Lists that live in a pool, by the macros and by the functions. Each test holds the list against a std::vector.
// Written against libpmemobj.h only.
#include <algorithm>
#include <random>
#include <thread>

#include "tests/persist/api_pool.hpp"

namespace terrace::persist::test {
namespace {

struct Element;
TOID_DECLARE(struct Element, 1);
POBJ_LIST_HEAD(Head, struct Element);

struct Element {
    int value;
    POBJ_LIST_ENTRY(struct Element) one;
    POBJ_LIST_ENTRY(struct Element) other;
};

struct Lists {
    Head first;
    Head second;
};

using Name = TOID(struct Element);

int set_value(PMEMobjpool*, void* object, void* value) {
    if (value == nullptr)
        return 1;
    static_cast<Element*>(object)->value = *static_cast<int*>(value);
    return 0;
}

class AList : public OpenPool {
  protected:
    void SetUp() override {
        OpenPool::SetUp();
        if (pool != nullptr)
            lists = root<Lists>();
    }
    void reopen() {
        OpenPool::reopen();
        lists = root<Lists>();
    }
    Name allocate(int value) {
        Name name;
        EXPECT_EQ(POBJ_NEW(pool, &name, struct Element, set_value, &value), 0);
        return name;
    }
    Name append_new(Head* head, int value) {
        const PMEMoid oid = POBJ_LIST_INSERT_NEW_TAIL(pool, head, one, sizeof(Element), set_value, &value);
        EXPECT_FALSE(OID_IS_NULL(oid)) << pmemobj_errormsg();
        return Name(oid);
    }
    // The values, read forwards; backwards they must be the same.
    std::vector<int> values(Head* head) {
        std::vector<int> forwards;
        std::vector<int> backwards;
        Name element;
        POBJ_LIST_FOREACH(element, head, one)
        forwards.push_back(D_RO(element)->value);
        POBJ_LIST_FOREACH_REVERSE(element, head, one)
        backwards.push_back(D_RO(element)->value);
        std::reverse(backwards.begin(), backwards.end());
        EXPECT_EQ(forwards, backwards);
        return forwards;
    }
    Lists* lists = nullptr;
};
TEST_IN_BOTH_PLACES(AList);

using Values = std::vector<int>;

TEST_P(AList, TakesElementsAtBothEndsAndBesideOthers) {
    Head* const head = &lists->first;
    EXPECT_TRUE(POBJ_LIST_EMPTY(head));
    EXPECT_EQ(POBJ_LIST_INSERT_HEAD(pool, head, allocate(1), one), 0);
    EXPECT_EQ(values(head), Values({1}));
    const Name two = allocate(2);
    EXPECT_EQ(POBJ_LIST_INSERT_HEAD(pool, head, two, one), 0);
    EXPECT_EQ(values(head), Values({2, 1}));
    EXPECT_EQ(POBJ_LIST_INSERT_TAIL(pool, head, allocate(3), one), 0);
    EXPECT_EQ(values(head), Values({2, 1, 3}));
    EXPECT_EQ(POBJ_LIST_INSERT_AFTER(pool, head, two, allocate(4), one), 0);
    EXPECT_EQ(POBJ_LIST_INSERT_BEFORE(pool, head, two, allocate(5), one), 0);
    EXPECT_EQ(values(head), Values({5, 2, 4, 1, 3}));
    EXPECT_EQ(D_RO(POBJ_LIST_FIRST(head))->value, 5);
    EXPECT_EQ(D_RO(POBJ_LIST_LAST(head, one))->value, 3);
    reopen();
    EXPECT_EQ(values(&lists->first), Values({5, 2, 4, 1, 3}));
    EXPECT_EQ(objects(), 5);
}

TEST_P(AList, MakesNewElementsInPlace) {
    Head* const head = &lists->first;
    int value = 1;
    const Name first(POBJ_LIST_INSERT_NEW_HEAD(pool, head, one, sizeof(Element), set_value, &value));
    value = 2;
    POBJ_LIST_INSERT_NEW_TAIL(pool, head, one, sizeof(Element), set_value, &value);
    value = 3;
    POBJ_LIST_INSERT_NEW_AFTER(pool, head, first, one, sizeof(Element), set_value, &value);
    value = 4;
    POBJ_LIST_INSERT_NEW_BEFORE(pool, head, first, one, 100000, set_value, &value);
    EXPECT_EQ(values(head), Values({4, 1, 3, 2}));
    EXPECT_EQ(pmemobj_type_num(first.oid), 1U);
    reopen();
    EXPECT_EQ(values(&lists->first), Values({4, 1, 3, 2}));
    EXPECT_EQ(objects(), 4);
}

TEST_P(AList, GivesUpAnElementWhoseConstructorDoes) {
    errno = 0;
    EXPECT_TRUE(OID_IS_NULL(
        POBJ_LIST_INSERT_NEW_HEAD(pool, &lists->first, one, sizeof(Element), set_value, nullptr)));
    EXPECT_EQ(errno, ECANCELED);
    EXPECT_TRUE(POBJ_LIST_EMPTY(&lists->first));
    EXPECT_TRUE(
        OID_IS_NULL(POBJ_LIST_INSERT_NEW_HEAD(pool, &lists->first, one, 2 * kPoolSize, nullptr, nullptr)));
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_EQ(objects(), 0);
}

TEST_P(AList, LosesElementsAndKeepsOrFreesThem) {
    Head* const head = &lists->first;
    Name names[4];
    for (int i = 0; i < 4; ++i)
        names[i] = append_new(head, i);
    EXPECT_EQ(POBJ_LIST_REMOVE(pool, head, names[0], one), 0);
    EXPECT_EQ(values(head), Values({1, 2, 3}));
    EXPECT_EQ(objects(), 4);
    EXPECT_TRUE(TOID_IS_NULL(POBJ_LIST_NEXT(names[0], one))) << "its links are cleared";
    EXPECT_EQ(POBJ_LIST_REMOVE_FREE(pool, head, names[3], one), 0);
    EXPECT_EQ(values(head), Values({1, 2}));
    EXPECT_EQ(objects(), 3);
    EXPECT_EQ(POBJ_LIST_REMOVE_FREE(pool, head, names[1], one), 0);
    EXPECT_EQ(POBJ_LIST_REMOVE_FREE(pool, head, names[2], one), 0);
    EXPECT_TRUE(POBJ_LIST_EMPTY(head));
    reopen();
    EXPECT_TRUE(POBJ_LIST_EMPTY(&lists->first));
    EXPECT_EQ(objects(), 1);
    EXPECT_EQ(POBJ_LIST_INSERT_TAIL(pool, &lists->first, names[0], one), 0) << "it can go back";
}

TEST_P(AList, MovesElementsToAnotherAndWithin) {
    Head* const from = &lists->first;
    Head* const to = &lists->second;
    Name names[5];
    for (int i = 0; i < 5; ++i)
        names[i] = append_new(from, i);
    EXPECT_EQ(POBJ_LIST_MOVE_ELEMENT_HEAD(pool, from, to, names[0], one, one), 0);
    EXPECT_EQ(POBJ_LIST_MOVE_ELEMENT_TAIL(pool, from, to, names[4], one, one), 0);
    EXPECT_EQ(POBJ_LIST_MOVE_ELEMENT_AFTER(pool, from, to, names[0], names[2], one, one), 0);
    EXPECT_EQ(POBJ_LIST_MOVE_ELEMENT_BEFORE(pool, from, to, names[0], names[3], one, one), 0);
    EXPECT_EQ(values(from), Values({1}));
    EXPECT_EQ(values(to), Values({3, 0, 2, 4}));
    EXPECT_EQ(POBJ_LIST_MOVE_ELEMENT_HEAD(pool, from, to, names[1], one, one), 0);
    EXPECT_TRUE(POBJ_LIST_EMPTY(from));
    EXPECT_EQ(values(to), Values({1, 3, 0, 2, 4}));

    EXPECT_EQ(POBJ_LIST_MOVE_ELEMENT_TAIL(pool, to, to, names[1], one, one), 0);
    EXPECT_EQ(values(to), Values({3, 0, 2, 4, 1}));
    EXPECT_EQ(POBJ_LIST_MOVE_ELEMENT_HEAD(pool, to, to, names[1], one, one), 0);
    EXPECT_EQ(POBJ_LIST_MOVE_ELEMENT_AFTER(pool, to, to, names[0], names[1], one, one), 0);
    EXPECT_EQ(values(to), Values({3, 0, 1, 2, 4}));
    EXPECT_EQ(POBJ_LIST_MOVE_ELEMENT_BEFORE(pool, to, to, names[1], names[1], one, one), 0)
        << "beside itself: nothing to do";
    EXPECT_EQ(values(to), Values({3, 0, 1, 2, 4}));
    reopen();
    EXPECT_EQ(values(&lists->second), Values({3, 0, 1, 2, 4}));
    EXPECT_EQ(objects(), 5);
}

TEST_P(AList, MovesAnElementFromOneEntryToAnother) {
    const Name name = append_new(&lists->first, 7);
    EXPECT_EQ(POBJ_LIST_MOVE_ELEMENT_HEAD(pool, &lists->first, &lists->second, name, one, other), 0);
    EXPECT_TRUE(POBJ_LIST_EMPTY(&lists->first));
    EXPECT_TRUE(TOID_EQUALS(POBJ_LIST_FIRST(&lists->second), name));
    EXPECT_TRUE(TOID_EQUALS(POBJ_LIST_NEXT(name, other), name));
    EXPECT_TRUE(TOID_IS_NULL(POBJ_LIST_NEXT(name, one)));
}

TEST_P(AList, RefusesWhatIsNoElementOfIt) {
    const Name inside = append_new(&lists->first, 1);
    const Name outside = allocate(2);
    const std::size_t entry = offsetof(Element, one);
    const auto refused = [](int result) { return result == -1 && errno == EINVAL; };
    EXPECT_TRUE(refused(POBJ_LIST_REMOVE(pool, &lists->first, outside, one)));
    EXPECT_TRUE(refused(POBJ_LIST_INSERT_AFTER(pool, &lists->first, outside, allocate(3), one)));
    EXPECT_TRUE(refused(pmemobj_list_remove(pool, entry, &lists->first, OID_NULL, 0)));
    EXPECT_TRUE(refused(pmemobj_list_insert(pool, kPoolSize, &lists->first, OID_NULL, 1, outside.oid)));
    EXPECT_TRUE(refused(pmemobj_list_insert(pool, 1000, &lists->first, OID_NULL, 1, outside.oid)));
    EXPECT_TRUE(refused(pmemobj_list_insert(pool, entry, &lists->first, OID_NULL, 1,
                                            {outside.oid.pool_uuid_lo, outside.oid.off + 8})));
    EXPECT_TRUE(refused(POBJ_LIST_REMOVE(pool, &lists->second, inside, one))) << "an empty list";
    const Name third = allocate(3);
    ASSERT_EQ(POBJ_LIST_INSERT_HEAD(pool, &lists->second, third, one), 0);
    EXPECT_TRUE(refused(POBJ_LIST_REMOVE(pool, &lists->second, inside, one))) << "the only one of another";
    Head elsewhere = {};
    EXPECT_TRUE(refused(pmemobj_list_insert(pool, entry, &elsewhere, OID_NULL, 1, outside.oid)));
    EXPECT_TRUE(OID_IS_NULL(
        pmemobj_list_insert_new(pool, entry, &lists->first, OID_NULL, 1, entry, 1, nullptr, nullptr)));
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(values(&lists->first), Values({1}));
    EXPECT_EQ(POBJ_LIST_REMOVE(pool, &lists->first, inside, one), 0) << "still whole";
}

TEST_P(AList, IsLikeAVectorAfterManyRandomSteps) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto below = [&](std::size_t limit) { return static_cast<std::size_t>(random() % limit); };
    Head* const heads[2] = {&lists->first, &lists->second};
    std::vector<Name> model[2];
    for (int step = 0; step < 400; ++step) {
        const std::size_t which = below(2);
        auto& list = model[which];
        const std::size_t at = list.empty() ? 0 : below(list.size());
        switch (list.empty() ? 0 : below(4)) {
            case 0:
                list.push_back(append_new(heads[which], step));
                break;
            case 1: {
                const Name name = allocate(step);
                ASSERT_EQ(POBJ_LIST_INSERT_BEFORE(pool, heads[which], list[at], name, one), 0);
                list.insert(list.begin() + static_cast<std::ptrdiff_t>(at), name);
                break;
            }
            case 2:
                ASSERT_EQ(POBJ_LIST_REMOVE_FREE(pool, heads[which], list[at], one), 0);
                list.erase(list.begin() + static_cast<std::ptrdiff_t>(at));
                break;
            default: {
                const Name name = list[at];
                const std::size_t target = below(2);
                ASSERT_EQ(POBJ_LIST_MOVE_ELEMENT_TAIL(pool, heads[which], heads[target], name, one, one), 0);
                list.erase(list.begin() + static_cast<std::ptrdiff_t>(at));
                model[target].push_back(name);
            }
        }
    }
    reopen();
    const Head* const after[2] = {&lists->first, &lists->second};
    int total = 0;
    for (std::size_t i = 0; i < 2; ++i) {
        Values expected;
        for (const Name& name : model[i])
            expected.push_back(D_RO(name)->value);
        EXPECT_EQ(values(const_cast<Head*>(after[i])), expected);
        total += static_cast<int>(expected.size());
    }
    EXPECT_EQ(objects(), total);
}

TEST_P(AList, IsSharedByThreadsThatMoveBothWays) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([this, t] {
            Head* from = t % 2 == 0 ? &lists->first : &lists->second;
            Head* to = t % 2 == 0 ? &lists->second : &lists->first;
            Name own[10];
            for (int i = 0; i < 10; ++i)
                own[i] = append_new(from, t * 10 + i);
            for (int round = 0; round < 15; ++round) {
                for (const Name& name : own)
                    EXPECT_EQ(POBJ_LIST_MOVE_ELEMENT_TAIL(pool, from, to, name, one, one), 0);
                std::swap(from, to);
            }
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    for (Head* head : {&lists->first, &lists->second}) {
        Values sorted = values(head);
        std::sort(sorted.begin(), sorted.end());
        Values expected;
        for (int i = 0; i < 40; ++i) {
            if ((i / 10 % 2 == 0) == (head == &lists->second))
                expected.push_back(i);
        }
        EXPECT_EQ(sorted, expected);
    }
}

}  // namespace
}  // namespace terrace::persist::test
