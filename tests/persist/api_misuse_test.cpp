// Misuse, and memory that runs out: the documented end of the process with a message that names the function,
// or an error and no end at all. Written against libpmemobj.h only.
#include <sys/resource.h>
#include <sys/wait.h>

#include <functional>
#include <thread>

#include "tests/persist/api_transaction.hpp"

namespace terrace::persist::test {
namespace {

class Misuse : public ATransaction {
  protected:
    void SetUp() override {
        testing::GTEST_FLAG(death_test_style) = "threadsafe";
        ATransaction::SetUp();
    }
};
INSTANTIATE_TEST_SUITE_P(Pools, Misuse, testing::Values(Place::kMemory), name_of);

struct Call {
    const char* name;
    std::function<void()> call;
};

std::vector<Call> calls_for_work_only(Data* data) {
    static std::size_t sizes[1] = {8};
    return {
        {"pmemobj_tx_abort", [] { pmemobj_tx_abort(EAGAIN); }},
        {"pmemobj_tx_commit", [] { pmemobj_tx_commit(); }},
        {"pmemobj_tx_lock", [] { pmemobj_tx_lock(TX_PARAM_MUTEX, nullptr); }},
        {"pmemobj_tx_xlock", [] { pmemobj_tx_xlock(TX_PARAM_MUTEX, nullptr, 0); }},
        {"pmemobj_tx_add_range", [] { pmemobj_tx_add_range(OID_NULL, 0, 8); }},
        {"pmemobj_tx_xadd_range", [] { pmemobj_tx_xadd_range(OID_NULL, 0, 8, 0); }},
        {"pmemobj_tx_add_range_direct", [=] { pmemobj_tx_add_range_direct(data, 8); }},
        {"pmemobj_tx_xadd_range_direct", [=] { pmemobj_tx_xadd_range_direct(data, 8, 0); }},
        {"pmemobj_tx_alloc", [] { pmemobj_tx_alloc(8, 0); }},
        {"pmemobj_tx_zalloc", [] { pmemobj_tx_zalloc(8, 0); }},
        {"pmemobj_tx_xalloc", [] { pmemobj_tx_xalloc(8, 0, 0); }},
        {"pmemobj_tx_realloc", [] { pmemobj_tx_realloc(OID_NULL, 8, 0); }},
        {"pmemobj_tx_zrealloc", [] { pmemobj_tx_zrealloc(OID_NULL, 8, 0); }},
        {"pmemobj_tx_strdup", [] { pmemobj_tx_strdup("", 0); }},
        {"pmemobj_tx_xstrdup", [] { pmemobj_tx_xstrdup("", 0, 0); }},
        {"pmemobj_tx_wcsdup", [] { pmemobj_tx_wcsdup(L"", 0); }},
        {"pmemobj_tx_xwcsdup", [] { pmemobj_tx_xwcsdup(L"", 0, 0); }},
        {"pmemobj_tx_free", [] { pmemobj_tx_free(OID_NULL); }},
        {"pmemobj_tx_xfree", [] { pmemobj_tx_xfree(OID_NULL, 0); }},
        {"pmemobj_tx_publish", [] { pmemobj_tx_publish(nullptr, 0); }},
        {"pmemobj_tx_xpublish", [] { pmemobj_tx_xpublish(nullptr, 0, 0); }},
        {"pmemobj_tx_log_append_buffer",
         [] { pmemobj_tx_log_append_buffer(TX_LOG_TYPE_INTENT, sizes, sizeof sizes); }},
        {"pmemobj_tx_xlog_append_buffer",
         [] { pmemobj_tx_xlog_append_buffer(TX_LOG_TYPE_INTENT, sizes, sizeof sizes, 0); }},
        {"pmemobj_tx_log_auto_alloc", [] { pmemobj_tx_log_auto_alloc(TX_LOG_TYPE_INTENT, 0); }},
        {"pmemobj_tx_set_user_data", [] { pmemobj_tx_set_user_data(nullptr); }},
        {"pmemobj_tx_set_failure_behavior", [] { pmemobj_tx_set_failure_behavior(POBJ_TX_FAILURE_RETURN); }},
        {"pmemobj_tx_get_failure_behavior", [] { pmemobj_tx_get_failure_behavior(); }},
    };
}

// Runs `action` in a child process; its message, which must have ended it by abort().
std::string fatal_message_of(const std::function<void()>& action) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    fflush(nullptr);
    const pid_t child = fork();
    if (child == 0) {
        const rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        dup2(ends[1], STDERR_FILENO);
        action();
        _exit(0);
    }
    close(ends[1]);
    std::string message;
    char part[512];
    for (ssize_t got; (got = read(ends[0], part, sizeof part)) > 0;)
        message.append(part, static_cast<std::size_t>(got));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) << status << ": " << message;
    return message;
}

TEST_P(Misuse, OutsideOfATransactionIsFatal) {
    for (const Call& call : calls_for_work_only(data)) {
        const std::string message = fatal_message_of(call.call);
        EXPECT_NE(message.find(std::string(call.name) + " was called outside of a transaction"),
                  std::string::npos)
            << call.name << ": " << message;
    }
    for (const Call& call : {Call{"pmemobj_tx_end", [] { pmemobj_tx_end(); }},
                             Call{"pmemobj_tx_process", [] { pmemobj_tx_process(); }},
                             Call{"pmemobj_tx_get_user_data", [] { pmemobj_tx_get_user_data(); }}}) {
        const std::string message = fatal_message_of(call.call);
        EXPECT_NE(message.find(call.name), std::string::npos) << call.name << ": " << message;
    }
}

TEST_P(Misuse, InAnotherStageIsFatal) {
    // A child cannot change its parent's pool, so it makes its own.
    PoolFile of_child(GetParam());
    const auto message_of = [&](void (*action)(PMEMobjpool*, const Call*), const Call* call) {
        std::string message = fatal_message_of([&] {
            PMEMobjpool* const own = pmemobj_create(of_child.path(), kLayout, PMEMOBJ_MIN_POOL, 0600);
            action(own, call);
        });
        unlink(of_child.path());
        return message;
    };
    for (const Call& call : calls_for_work_only(data)) {
        const std::string message = message_of(
            [](PMEMobjpool* own, const Call* misuse) {
                TX_BEGIN(own) {}
                TX_ONCOMMIT {
                    misuse->call();
                }
                TX_END
            },
            &call);
        EXPECT_NE(message.find(std::string(call.name) + " was called in stage 2"), std::string::npos)
            << call.name << ": " << message;
    }
    const std::string begin = message_of(
        [](PMEMobjpool* own, const Call*) {
            TX_BEGIN(own) {}
            TX_FINALLY {
                pmemobj_tx_begin(own, nullptr, TX_PARAM_NONE);
            }
            TX_END
        },
        nullptr);
    EXPECT_NE(begin.find("pmemobj_tx_begin was called in stage 4"), std::string::npos) << begin;
    const std::string end = message_of(
        [](PMEMobjpool* own, const Call*) {
            pmemobj_tx_begin(own, nullptr, TX_PARAM_NONE);
            pmemobj_tx_end();
        },
        nullptr);
    EXPECT_NE(end.find("pmemobj_tx_end was called without pmemobj_tx_commit"), std::string::npos) << end;
}

TEST_P(Misuse, OfAPoolThatIsNotOpenIsNoCrash) {
    PMEMobjpool* const closed = pool;
    pmemobj_close(pool);
    pmemobj_close(closed);
    pmemobj_close(nullptr);
    EXPECT_TRUE(OID_IS_NULL(pmemobj_root(nullptr, 8)));
    EXPECT_EQ(errno, EINVAL);
    pool = pmemobj_open(file.path(), kLayout);
    ASSERT_NE(pool, nullptr) << pmemobj_errormsg();
    data = root<Data>();
    pmemobj_close(reinterpret_cast<PMEMobjpool*>(data));  // inside of a pool, and no pool
    volatile int error = 0;
    TX_BEGIN(nullptr) {
        ADD_FAILURE() << "began";
    }
    TX_ONABORT {
        error = errno;
    }
    TX_END
    EXPECT_EQ(error, EINVAL);
    EXPECT_EQ(pmemobj_tx_stage(), TX_STAGE_NONE);
}

// ---- no memory ----

class WithoutMemory : public ATransaction {
  protected:
    // Runs `action` in a thread that has used the library never before, in a child process that gets no more
    // memory. The pool is opened in the child. True if all of its expectations hold.
    void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
        GTEST_SKIP() << "a sanitizer needs memory itself";
#endif
        ATransaction::SetUp();
    }
    bool holds(const std::function<bool(PMEMobjpool*)>& action) {
        pmemobj_close(pool);
        pool = nullptr;
        fflush(nullptr);
        const pid_t child = fork();
        if (child == 0) {
            PMEMobjpool* const own = pmemobj_open(file.path(), kLayout);
            bool result = false;
            std::atomic<bool> is_limited{false};
            if (own != nullptr) {
                std::thread thread([&] {
                    while (!is_limited)
                        std::this_thread::yield();
                    result = action(own);
                });
                const rlimit none = {0, 0};
                setrlimit(RLIMIT_AS, &none);
                is_limited = true;
                thread.join();
            }
            _exit(result ? 0 : 1);
        }
        int status = 0;
        waitpid(child, &status, 0);
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
};
TEST_IN_BOTH_PLACES(WithoutMemory);

TEST_P(WithoutMemory, ATransactionIsAbortedAtOnceAndEnds) {
    EXPECT_TRUE(holds([](PMEMobjpool* own) {
        volatile int aborted = 0;
        volatile int wrong = 0;
        TX_BEGIN(own) {
            wrong = 1;
        }
        TX_ONCOMMIT {
            wrong = 2;
        }
        TX_ONABORT {
            aborted = errno;
        }
        TX_FINALLY {
            if (pmemobj_tx_stage() != TX_STAGE_FINALLY)
                wrong = 3;
        }
        TX_END
        return wrong == 0 && aborted == ENOMEM && pmemobj_tx_errno() == ENOMEM &&
               pmemobj_tx_stage() == TX_STAGE_NONE && pmemobj_errormsg() != nullptr;
    }));
}

TEST_P(WithoutMemory, ABindingSeesTheErrorOfBegin) {
    EXPECT_TRUE(holds([](PMEMobjpool* own) {
        return pmemobj_tx_begin(own, nullptr, TX_PARAM_NONE) == ENOMEM &&
               pmemobj_tx_stage() == TX_STAGE_ONABORT && pmemobj_tx_end() == ENOMEM &&
               pmemobj_tx_stage() == TX_STAGE_NONE;
    }));
}

TEST_P(WithoutMemory, FunctionsFail) {
    PMEMoid there;
    ASSERT_EQ(pmemobj_alloc(pool, &there, 100, 0, nullptr, nullptr), 0);
    EXPECT_TRUE(holds([there](PMEMobjpool* own) {
        PMEMoid name = there;
        unsigned arena = 1;
        PMEMoid oid = OID_NULL;
        const PMEMoid root_name = pmemobj_root(own, 0);
        char* const object = static_cast<char*>(pmemobj_direct({pmemobj_oid(own).pool_uuid_lo, 1 << 20}));
        pobj_action action = {};
        bool result = OID_IS_NULL(root_name) && errno == ENOMEM;
        errno = 0;
        result = result && pmemobj_alloc(own, &oid, 100, 0, nullptr, nullptr) == -1 && errno == ENOMEM;
        result = result && pmemobj_zalloc(own, &oid, 100, 0) == -1;
        result = result && pmemobj_realloc(own, &oid, 100, 0) == -1;
        result = result && pmemobj_realloc(own, &name, 200, 0) == -1 && OID_EQUALS(name, there);
        result = result && pmemobj_ctl_set(own, "heap.thread.arena_id", &arena) == -1 && errno == ENOMEM;
        pmemobj_free(&name);
        result = result && OID_EQUALS(name, there);
        result = result && pmemobj_strdup(own, &oid, "text", 0) == -1;
        result = result && pmemobj_publish(own, &action, 1) == -1;
        result = result && pmemobj_xpersist(own, object, 8, 0) == -1 && errno == ENOMEM;
        result = result && pmemobj_xflush(own, object, 8, 0) == -1;
        pmemobj_persist(own, object, 8);
        pmemobj_drain(own);
        pmemobj_free(&oid);
        return result && OID_IS_NULL(oid);
    }));
}

}  // namespace
}  // namespace terrace::persist::test
