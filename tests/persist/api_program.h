/* A program that uses every macro of libpmemobj.h: a stack of typed, durable objects with a journal of its
 * own. It is compiled as C and as C++ (api_c.c, api_cpp.cpp) and must do the same in both. Usage: program
 * FILE. Says what went wrong, and returns how much of it. */
#include <libpmemobj.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct item;
POBJ_LAYOUT_BEGIN(stack);
POBJ_LAYOUT_ROOT(stack, struct stack);
POBJ_LAYOUT_TOID(stack, struct item);
POBJ_LAYOUT_TOID(stack, union word);
POBJ_LAYOUT_END(stack)

struct item {
    int value;
    TOID(struct item) below;
};

union word {
    long number;
    char letters[8];
};

struct stack {
    TOID(struct item) top;
    TOID(union word) word;
    int height;
    int pushes;
};

static int faults;

static void expect(int is_true, const char* what, int line) {
    if (is_true)
        return;
    ++faults;
    printf("%s:%d: not so: %s (%s)\n", __FILE__, line, what, pmemobj_errormsg());
}
#define EXPECT(condition) expect((condition) ? 1 : 0, #condition, __LINE__)

static void push(PMEMobjpool* pop, int value, int give_up) {
    TX_BEGIN(pop) {
        TOID(struct stack) stack = POBJ_ROOT(pop, struct stack);
        TOID(struct item) item = TX_NEW(struct item);
        D_RW(item)->value = value;
        D_RW(item)->below = D_RO(stack)->top;
        TX_ADD_FIELD(stack, top);
        D_RW(stack)->top = item;
        TX_SET(stack, height, D_RO(stack)->height + 1);
        TX_ADD_FIELD_DIRECT(D_RW(stack), pushes);
        D_RW(stack)->pushes++;
        if (give_up)
            pmemobj_tx_abort(EAGAIN);
    }
    TX_ONCOMMIT {
        EXPECT(!give_up);
    }
    TX_ONABORT {
        EXPECT(give_up && errno == EAGAIN);
    }
    TX_END
}

static int pop_item(PMEMobjpool* pop) {
    volatile int value = -1;
    TX_BEGIN(pop) {
        TOID(struct stack) stack = POBJ_ROOT(pop, struct stack);
        TOID(struct item) item = D_RO(stack)->top;
        value = D_RO(item)->value;
        TX_ADD(stack);
        D_RW(stack)->top = D_RO(D_RO(stack)->top)->below;
        D_RW(stack)->height--;
        TX_FREE(item);
    }
    TX_END
    return value;
}

static int fill_item(PMEMobjpool* pop, void* address, void* value) {
    struct item* const item = (struct item*)address;
    item->value = *(int*)value;
    item->below = TOID_NULL(struct item);
    pmemobj_persist(pop, item, sizeof *item);
    return 0;
}

static void use_types(void) {
    TOID(struct item) none = TOID_NULL(struct item);
    EXPECT(TOID_IS_NULL(none));
    EXPECT(D_RO(none) == NULL);
    EXPECT(sizeof(none) == sizeof(PMEMoid));
    EXPECT(POBJ_LAYOUT_TYPES_NUM(stack) == 2);
    EXPECT(strcmp(POBJ_LAYOUT_NAME(stack), "stack") == 0);
    EXPECT(TOID_TYPE_NUM(struct stack) == 0);
    EXPECT(TOID_TYPE_NUM(struct item) == 1);
    EXPECT(TOID_TYPE_NUM(union word) == 2);
    EXPECT(TOID_TYPE_NUM_OF(none) == 1);
    EXPECT(TOID_OFFSETOF(none, below) == 8);
}

static void use_atomics(PMEMobjpool* pop) {
    TOID(struct stack) stack = POBJ_ROOT(pop, struct stack);
    TOID(struct item) item = TOID_NULL(struct item);
    TOID(struct item) other;
    TOID(struct item) next;
    int value = 17;
    int seen = 0;
    EXPECT(POBJ_NEW(pop, &item, struct item, fill_item, &value) == 0);
    EXPECT(D_RO(item)->value == 17);
    EXPECT(TOID_VALID(item));
    EXPECT(OID_INSTANCEOF(item.oid, struct item));
    TOID_ASSIGN(other, item.oid);
    EXPECT(TOID_EQUALS(item, other));
    EXPECT(POBJ_ZNEW(pop, &D_RW(stack)->word, union word) == 0);
    EXPECT(D_RO(D_RO(stack)->word)->number == 0);
    EXPECT(POBJ_REALLOC(pop, &D_RW(stack)->word, union word, 500) == 0);
    EXPECT(POBJ_ZREALLOC(pop, &D_RW(stack)->word, union word, 50) == 0);
    EXPECT(pmemobj_alloc_usable_size(D_RO(stack)->word.oid) >= 50);

    EXPECT(POBJ_ZALLOC(pop, &other, struct item, 200) == 0);
    POBJ_FOREACH_TYPE(pop, item) seen++;
    EXPECT(seen == 2);
    item = POBJ_FIRST(pop, struct item);
    EXPECT(!TOID_IS_NULL(item));
    EXPECT(!TOID_IS_NULL(POBJ_NEXT(item)));
    EXPECT(TOID_IS_NULL(POBJ_NEXT(POBJ_NEXT(item))));
    POBJ_FOREACH_SAFE_TYPE(pop, item, next) {
        POBJ_FREE(&item);
    }
    EXPECT(TOID_IS_NULL(POBJ_FIRST(pop, struct item)));
    EXPECT(!TOID_IS_NULL(POBJ_FIRST(pop, union word)));
    POBJ_FREE(&D_RW(stack)->word);
    EXPECT(TOID_IS_NULL(D_RO(stack)->word));
}

static void use_actions(PMEMobjpool* pop) {
    struct pobj_action actions[2];
    TOID(struct item) first = POBJ_RESERVE_NEW(pop, struct item, &actions[0]);
    TOID(struct item) second = POBJ_XRESERVE_ALLOC(pop, struct item, 100, &actions[1], POBJ_XALLOC_ZERO);
    EXPECT(!TOID_IS_NULL(first) && !TOID_IS_NULL(second));
    EXPECT(D_RO(second)->value == 0);
    EXPECT(pmemobj_publish(pop, actions, 2) == 0);
    POBJ_FREE(&first);
    POBJ_FREE(&second);
    first = POBJ_RESERVE_ALLOC(pop, struct item, 64, &actions[0]);
    second = POBJ_XRESERVE_NEW(pop, struct item, &actions[1], 0);
    EXPECT(!TOID_IS_NULL(first) && !TOID_IS_NULL(second));
    pmemobj_cancel(pop, actions, 2);
}

static void use_transactions(PMEMobjpool* pop) {
    TOID(struct stack) stack = POBJ_ROOT(pop, struct stack);
    TX_BEGIN(pop) {
        TOID(union word) word = TX_ZNEW(union word);
        EXPECT(D_RO(word)->number == 0);
        word = TX_REALLOC(word, 100);
        word = TX_ZREALLOC(word, 200);
        TX_FREE(word);
        word = TX_ALLOC(union word, 30);
        TX_FREE(word);
        word = TX_ZALLOC(union word, 30);
        TX_FREE(word);
        word = TX_XALLOC(union word, 30, POBJ_XALLOC_ZERO);
        TX_XADD(stack, POBJ_XADD_NO_SNAPSHOT);
        TX_XADD_FIELD(stack, word, POBJ_XADD_NO_FLUSH);
        TX_XADD_DIRECT(&D_RW(stack)->word, 0);
        TX_XADD_FIELD_DIRECT(D_RW(stack), word, 0);
        TX_ADD_DIRECT(&D_RW(stack)->word);
        D_RW(stack)->word = word;
        TX_SET_DIRECT(D_RW(word), number, 5);
        TX_MEMSET(D_RW(word)->letters, 'w', 4);
        TX_MEMCPY(D_RW(word)->letters, "W", 1);
    }
    TX_ONABORT {
        EXPECT(pmemobj_tx_stage() != TX_STAGE_ONABORT);
    }
    TX_FINALLY {
        EXPECT(pmemobj_tx_stage() == TX_STAGE_FINALLY);
    }
    TX_END
    EXPECT(memcmp(D_RO(D_RO(stack)->word)->letters, "Wwww", 4) == 0);
}

int main(int argc, char** argv) {
    const char* const path = argv[argc - 1];
    PMEMobjpool* pop;
    int i;
    unlink(path);
    pop = pmemobj_create(path, POBJ_LAYOUT_NAME(stack), PMEMOBJ_MIN_POOL, 0600);
    if (pop == NULL) {
        printf("%s: %s\n", path, pmemobj_errormsg());
        return 1;
    }
    use_types();
    use_atomics(pop);
    use_actions(pop);
    for (i = 1; i <= 30; i++)
        push(pop, i, i % 3 == 0);
    pmemobj_close(pop);

    pop = pmemobj_open(path, POBJ_LAYOUT_NAME(stack));
    EXPECT(pop != NULL);
    if (pop != NULL) {
        TOID(struct stack) stack = POBJ_ROOT(pop, struct stack);
        EXPECT(D_RO(stack)->height == 20);
        EXPECT(D_RO(stack)->pushes == 20);
        for (i = 30; i >= 1; i--)
            if (i % 3 != 0)
                EXPECT(pop_item(pop) == i);
        EXPECT(TOID_IS_NULL(D_RO(stack)->top));
        EXPECT(TOID_IS_NULL(POBJ_FIRST(pop, struct item)));
        use_transactions(pop);
        pmemobj_close(pop);
        EXPECT(pmemobj_check(path, POBJ_LAYOUT_NAME(stack)) == 1);
    }
    unlink(path);
    printf("%d faults\n", faults);
    return faults != 0;
}
