// The smaller parts of libpmemobj.h: strings, constructed roots, flushing with flags, volatile values, messages.
// Written against libpmemobj.h only.
#include <atomic>
#include <cwchar>
#include <thread>

#include "tests/persist/api_pool.hpp"

namespace terrace::persist::test {
namespace {

class Library : public OpenPool {};
TEST_IN_BOTH_PLACES(Library);

TEST_P(Library, CopiesStrings) {
    struct Names {
        PMEMoid text;
        PMEMoid wide;
        PMEMoid empty;
    };
    auto* names = root<Names>();
    EXPECT_EQ(pmemobj_strdup(pool, &names->text, "durable", 5), 0);
    EXPECT_EQ(pmemobj_wcsdup(pool, &names->wide, L"weit", 6), 0);
    EXPECT_EQ(pmemobj_strdup(pool, &names->empty, "", 7), 0);
    reopen();
    names = root<Names>();
    EXPECT_STREQ(static_cast<char*>(pmemobj_direct(names->text)), "durable");
    EXPECT_STREQ(static_cast<wchar_t*>(pmemobj_direct(names->wide)), L"weit");
    EXPECT_STREQ(static_cast<char*>(pmemobj_direct(names->empty)), "");
    EXPECT_EQ(pmemobj_type_num(names->text), 5U);
    EXPECT_EQ(pmemobj_type_num(names->wide), 6U);
    PMEMoid oid = OID_NULL;
    EXPECT_EQ(pmemobj_strdup(pool, &oid, nullptr, 0), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(pmemobj_wcsdup(pool, &oid, nullptr, 0), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_TRUE(OID_IS_NULL(oid));
}

int fill_root(PMEMobjpool*, void* object, void* value) {
    if (value == nullptr)
        return -1;
    *static_cast<int*>(object) += *static_cast<int*>(value);
    return 0;
}

TEST_P(Library, ConstructsARoot) {
    int value = 5;
    EXPECT_TRUE(OID_IS_NULL(pmemobj_root_construct(pool, 100, fill_root, nullptr)));
    EXPECT_EQ(errno, ECANCELED);
    EXPECT_EQ(pmemobj_root_size(pool), 0U);
    PMEMoid oid = pmemobj_root_construct(pool, 100, fill_root, &value);
    ASSERT_FALSE(OID_IS_NULL(oid)) << pmemobj_errormsg();
    EXPECT_EQ(*static_cast<int*>(pmemobj_direct(oid)), 5);
    EXPECT_TRUE(OID_EQUALS(pmemobj_root_construct(pool, 50, fill_root, &value), oid)) << "it is there";
    EXPECT_EQ(*static_cast<int*>(pmemobj_direct(oid)), 5) << "and not constructed again";

    EXPECT_TRUE(OID_IS_NULL(pmemobj_root_construct(pool, 5000, fill_root, nullptr)));
    EXPECT_EQ(errno, ECANCELED);
    EXPECT_EQ(pmemobj_root_size(pool), 100U) << "as before";
    oid = pmemobj_root_construct(pool, 5000, fill_root, &value);
    EXPECT_EQ(*static_cast<int*>(pmemobj_direct(oid)), 10) << "the constructor sees the old content";
    EXPECT_EQ(pmemobj_root_size(pool), 5000U);
    reopen();
    EXPECT_EQ(*static_cast<int*>(pmemobj_direct(pmemobj_root(pool, 0))), 10);
    EXPECT_EQ(objects(), 0);
}

TEST_P(Library, FlushesWithFlags) {
    auto* words = root<std::uint64_t[8]>();
    (*words)[0] = 1;
    EXPECT_EQ(pmemobj_xpersist(pool, words, 8, 0), 0);
    (*words)[1] = 2;
    EXPECT_EQ(pmemobj_xpersist(pool, &(*words)[1], 8, PMEMOBJ_F_RELAXED), 0);
    EXPECT_EQ(pmemobj_xflush(pool, &(*words)[1], 8, PMEMOBJ_F_RELAXED), 0);
    pmemobj_drain(pool);
    for (const unsigned flags : {PMEMOBJ_F_MEM_NODRAIN, PMEMOBJ_F_MEM_NOFLUSH, 1U << 30U}) {
        errno = 0;
        EXPECT_EQ(pmemobj_xpersist(pool, words, 8, flags), -1);
        EXPECT_EQ(errno, EINVAL);
        errno = 0;
        EXPECT_EQ(pmemobj_xflush(pool, words, 8, flags), -1);
        EXPECT_EQ(errno, EINVAL);
    }
    int outside = 0;
    EXPECT_EQ(pmemobj_xpersist(pool, &outside, sizeof outside, 0), -1);
    EXPECT_EQ(errno, EINVAL);
}

struct WithVolatile {
    PMEMvlt(int) counter;
};

int make_counter(void* value, void* calls) {
    *static_cast<int*>(value) = 7;
    return ++*static_cast<std::atomic<int>*>(calls) > 100 ? 1 : 0;
}

TEST_P(Library, InitialisesAVolatileValueOncePerOpening) {
    std::atomic<int> calls{0};
    for (int opening = 1; opening <= 3; ++opening) {
        auto* object = root<WithVolatile>();
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&] {
                auto* value = static_cast<int*>(pmemobj_volatile(
                    pool, &object->counter.vlt, &object->counter.value, sizeof(int), make_counter, &calls));
                EXPECT_EQ(value, &object->counter.value);
                EXPECT_EQ(*value, 7);
            });
        }
        for (std::thread& thread : threads)
            thread.join();
        EXPECT_EQ(calls, opening);
        object->counter.value = 100;
        reopen();
    }
    calls = 1000;
    auto* object = root<WithVolatile>();
    const auto use = [&] {
        return pmemobj_volatile(pool, &object->counter.vlt, &object->counter.value, sizeof(int), make_counter,
                                &calls);
    };
    EXPECT_EQ(use(), nullptr) << "the constructor gave up";
    EXPECT_EQ(use(), nullptr) << "and does so again";
    calls = 0;
    EXPECT_EQ(use(), &object->counter.value);
}

TEST_P(Library, CallsNoneOfTheProgramsAllocationFunctions) {
    const auto refuse_to_allocate = [](std::size_t) -> void* {
        ADD_FAILURE() << "called";
        return nullptr;
    };
    pmemobj_set_funcs(
        refuse_to_allocate, [](void*) { ADD_FAILURE() << "called"; },
        [](void*, std::size_t) -> void* { return nullptr; }, [](const char*) -> char* { return nullptr; });
    PMEMoid oid;
    EXPECT_EQ(pmemobj_alloc(pool, &oid, 100, 0, nullptr, nullptr), 0);
    TX_BEGIN(pool) {
        pmemobj_tx_free(oid);
    }
    TX_END
    pmemobj_set_funcs(nullptr, nullptr, nullptr, nullptr);
}

std::vector<std::string>* g_messages;

void keep(pmemobj_log_level level, const char* file, unsigned line, const char* function,
          const char* message) {
    EXPECT_NE(file, nullptr);
    EXPECT_GT(line, 0U);
    EXPECT_NE(function, nullptr);
    g_messages->push_back(std::to_string(level) + " " + message);
}

TEST_P(Library, SendsItsMessagesToAFunction) {
    std::vector<std::string> messages;
    g_messages = &messages;
    EXPECT_EQ(pmemobj_log_set_function(keep), 0);
    ASSERT_EQ(messages.size(), 1U);
    EXPECT_EQ(messages[0].substr(0, 2), "0 ") << "which library it is";
    EXPECT_EQ(pmemobj_alloc(pool, nullptr, 0, 0, nullptr, nullptr), -1);
    ASSERT_EQ(messages.size(), 2U);
    EXPECT_EQ(messages[1], std::string("2 ") + pmemobj_errormsg());

    pmemobj_log_level level = PMEMOBJ_LOG_LEVEL_DEBUG;
    EXPECT_EQ(pmemobj_log_get_threshold(PMEMOBJ_LOG_THRESHOLD, &level), 0);
    EXPECT_EQ(level, PMEMOBJ_LOG_LEVEL_WARNING);
    EXPECT_EQ(pmemobj_log_set_threshold(PMEMOBJ_LOG_THRESHOLD, PMEMOBJ_LOG_LEVEL_FATAL), 0);
    EXPECT_EQ(pmemobj_alloc(pool, nullptr, 0, 0, nullptr, nullptr), -1);
    EXPECT_EQ(messages.size(), 2U) << "not serious enough";
    EXPECT_EQ(pmemobj_log_set_threshold(PMEMOBJ_LOG_THRESHOLD, level), 0);
    EXPECT_EQ(pmemobj_log_set_function(PMEMOBJ_LOG_USE_DEFAULT_FUNCTION), 0);
    EXPECT_EQ(pmemobj_alloc(pool, nullptr, 0, 0, nullptr, nullptr), -1);
    EXPECT_EQ(messages.size(), 2U);

    EXPECT_EQ(pmemobj_log_set_threshold(PMEMOBJ_LOG_THRESHOLD_MAX, level), -1);
    EXPECT_EQ(errno, EINVAL);
    const auto beyond = static_cast<pmemobj_log_level>(PMEMOBJ_LOG_LEVEL_DEBUG + 1);
    EXPECT_EQ(pmemobj_log_set_threshold(PMEMOBJ_LOG_THRESHOLD, beyond), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(pmemobj_log_get_threshold(PMEMOBJ_LOG_THRESHOLD, nullptr), -1);
    EXPECT_EQ(errno, EINVAL);
}

}  // namespace
}  // namespace terrace::persist::test
