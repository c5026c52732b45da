// libpmemobj.h as C++ bindings use it (libpmemobj-cpp is header-only and calls nothing else): transactions without a
// jmp_buf that become exceptions, variables that add themselves to the running transaction, names as pointers,
// objects of the pool that find it by their own address. Written against libpmemobj.h only.
#include <stdexcept>
#include <system_error>

#include "tests/persist/api_pool.hpp"

namespace terrace::persist::test {
namespace {

// ---- a binding in small ----

class Transaction {
  public:
    template <typename Function>
    static void run(PMEMobjpool* pool, Function function) {
        if (pmemobj_tx_begin(pool, nullptr, TX_PARAM_NONE) != 0)
            fail_and_end("begin");
        try {
            function();
        } catch (...) {
            if (pmemobj_tx_stage() == TX_STAGE_WORK)
                pmemobj_tx_abort(ECANCELED);
            pmemobj_tx_end();
            throw;
        }
        if (pmemobj_tx_stage() == TX_STAGE_WORK)
            pmemobj_tx_commit();
        if (const int error = pmemobj_tx_end(); error != 0)
            throw std::system_error(error, std::generic_category(), "commit");
    }

  private:
    [[noreturn]] static void fail_and_end(const char* what) {
        const int error = pmemobj_tx_errno();
        pmemobj_tx_end();
        throw std::system_error(error, std::generic_category(), what);
    }
};

// A variable in a pool: an assignment within a transaction is undone by its abort.
template <typename T>
class P {
  public:
    P& operator=(const T& value) {
        if (pmemobj_pool_by_ptr(this) != nullptr && pmemobj_tx_stage() == TX_STAGE_WORK &&
            pmemobj_tx_xadd_range_direct(this, sizeof *this, POBJ_XADD_ASSUME_INITIALIZED) != 0)
            throw std::runtime_error("snapshot");
        value_ = value;
        return *this;
    }
    operator T() const { return value_; }  // NOLINT: as bindings do

  private:
    T value_;
};

template <typename T>
struct Pointer {
    PMEMoid oid;
    T* get() const { return static_cast<T*>(pmemobj_direct(oid)); }
    T* operator->() const { return get(); }
};

template <typename T>
Pointer<T> make_persistent(int value) {
    const PMEMoid oid = pmemobj_tx_xalloc(sizeof(T), 1, 0);
    if (OID_IS_NULL(oid))
        throw std::bad_alloc();
    T* const object = new (pmemobj_direct(oid)) T{};
    object->value = value;
    return {oid};
}

struct Node {
    P<int> value;
    P<PMEMoid> next;
};

struct Stack {
    P<PMEMoid> top;
    P<int> height;
    PMEMmutex mutex;
};

class Bindings : public OpenPool {
  protected:
    void push(int value) {
        Stack* const stack = root<Stack>();
        Transaction::run(pool, [&] {
            const Pointer<Node> node = make_persistent<Node>(value);
            node->next = stack->top;
            stack->top = node.oid;
            stack->height = stack->height + 1;
        });
    }
};
TEST_IN_BOTH_PLACES(Bindings);

TEST_P(Bindings, CommitWhatAFunctionDid) {
    for (int i = 0; i < 10; ++i)
        push(i);
    reopen();
    Stack* const stack = root<Stack>();
    EXPECT_EQ(stack->height, 10);
    int expected = 9;
    for (PMEMoid at = stack->top; !OID_IS_NULL(at); at = Pointer<Node> { at } -> next)
        EXPECT_EQ(
            Pointer<Node> { at } -> value, expected--);
    EXPECT_EQ(expected, -1);
}

TEST_P(Bindings, UndoItWhenAnExceptionLeavesIt) {
    push(1);
    std::string alive = "destructors run: nothing jumps over them";
    EXPECT_THROW(Transaction::run(pool,
                                  [&] {
                                      const std::string inside = alive + alive;
                                      push(2);
                                      root<Stack>()->height = 100;
                                      throw std::logic_error(inside);
                                  }),
                 std::logic_error);
    EXPECT_EQ(pmemobj_tx_stage(), TX_STAGE_NONE);
    EXPECT_EQ(root<Stack>()->height, 1);
    EXPECT_EQ(objects(), 1);
    reopen();
    EXPECT_EQ(root<Stack>()->height, 1);
}

TEST_P(Bindings, TurnFailuresIntoExceptions) {
    const auto allocate_too_much = [] {
        if (OID_IS_NULL(pmemobj_tx_xalloc(4 * kPoolSize, 0, 0)))
            throw std::bad_alloc();
    };
    EXPECT_THROW(Transaction::run(pool, allocate_too_much), std::bad_alloc);
    EXPECT_EQ(pmemobj_tx_errno(), ENOMEM);
    EXPECT_EQ(pmemobj_tx_stage(), TX_STAGE_NONE);
    // Caught inside: the transaction is over all the same, and its end says so.
    try {
        Transaction::run(pool, [&] {
            try {
                allocate_too_much();
            } catch (const std::bad_alloc&) {
                EXPECT_EQ(pmemobj_tx_stage(), TX_STAGE_ONABORT);
            }
        });
        ADD_FAILURE() << "not thrown";
    } catch (const std::system_error& error) {
        EXPECT_EQ(error.code().value(), ENOMEM);
    }
}

TEST_P(Bindings, NestInAFlatWay) {
    // As flat_transaction: errors are returned, and an inner one that is caught does not end the outer one.
    Stack* const stack = root<Stack>();
    Transaction::run(pool, [&] {
        pmemobj_tx_set_failure_behavior(POBJ_TX_FAILURE_RETURN);
        stack->height = 1;
        Transaction::run(pool, [&] {
            EXPECT_TRUE(OID_IS_NULL(pmemobj_tx_xalloc(4 * kPoolSize, 0, 0)));
            stack->height = stack->height + 1;
        });
    });
    EXPECT_EQ(stack->height, 2);
}

TEST_P(Bindings, KeepTheirDataAndTheirCallbacks) {
    int ours = 0;
    pmemobj_set_user_data(pool, &ours);
    const auto count = [](PMEMobjpool*, pobj_tx_stage, void* argument) { ++*static_cast<int*>(argument); };
    ASSERT_EQ(pmemobj_tx_begin(pool, nullptr, TX_PARAM_CB, static_cast<pmemobj_tx_callback>(count),
                               pmemobj_get_user_data(pool), TX_PARAM_NONE),
              0);
    pmemobj_tx_set_user_data(&ours);
    EXPECT_EQ(pmemobj_tx_get_user_data(), &ours);
    EXPECT_EQ(pmemobj_tx_lock(TX_PARAM_MUTEX, &root<Stack>()->mutex), 0);
    pmemobj_tx_commit();
    EXPECT_EQ(pmemobj_tx_end(), 0);
    EXPECT_EQ(ours, 4) << "WORK, ONCOMMIT, FINALLY, NONE";
    reopen();
    EXPECT_EQ(pmemobj_get_user_data(pool), nullptr);
}

}  // namespace
}  // namespace terrace::persist::test
