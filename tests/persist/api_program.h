/* A program that uses every macro of libpmemobj.h: a stack of typed, durable objects with a journal of its
 * own. It is compiled as C and as C++ (api_c.c, api_cpp.cpp) and must do the same in both. Usage: program
 * FILE. Says what went wrong, and returns how much of it. */
#include <libpmemobj.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct item;
struct entry;
POBJ_LAYOUT_BEGIN(stack);
POBJ_LAYOUT_ROOT(stack, struct stack);
POBJ_LAYOUT_TOID(stack, struct item);
POBJ_LAYOUT_TOID(stack, union word);
POBJ_LAYOUT_TOID(stack, struct entry);
POBJ_LAYOUT_END(stack)

struct item {
    int value;
    TOID(struct item) below;
};

union word {
    long number;
    char letters[8];
};

POBJ_LIST_HEAD(queue, struct entry);

struct entry {
    int value;
    POBJ_LIST_ENTRY(struct entry) link;
};

struct stack {
    TOID(struct item) top;
    TOID(union word) word;
    int height;
    int pushes;
    struct queue first;
    struct queue second;
    PMEMmutex mutex;
    PMEMvlt(int) run;
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
    EXPECT(POBJ_LAYOUT_TYPES_NUM(stack) == 3);
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

static int fill_entry(PMEMobjpool* pop, void* address, void* value) {
    (void)pop;
    ((struct entry*)address)->value = *(int*)value;
    return 0;
}

/* The values of a list as the digits of a number; the two directions must agree. */
static int digits(struct queue* queue) {
    TOID(struct entry) entry;
    int forwards = 0;
    int backwards = 0;
    int place = 1;
    POBJ_LIST_FOREACH(entry, queue, link) forwards = 10 * forwards + D_RO(entry)->value;
    POBJ_LIST_FOREACH_REVERSE(entry, queue, link) {
        backwards += place * D_RO(entry)->value;
        place *= 10;
    }
    return forwards == backwards ? forwards : -1;
}

static void use_lists(PMEMobjpool* pop) {
    TOID(struct stack) stack = POBJ_ROOT(pop, struct stack);
    struct queue* const first = &D_RW(stack)->first;
    struct queue* const second = &D_RW(stack)->second;
    TOID(struct entry) one;
    TOID(struct entry) two;
    int value = 1;
    EXPECT(POBJ_LIST_EMPTY(first));
    TOID_ASSIGN(one, POBJ_LIST_INSERT_NEW_HEAD(pop, first, link, sizeof(struct entry), fill_entry, &value));
    value = 2;
    EXPECT(POBJ_NEW(pop, &two, struct entry, fill_entry, &value) == 0);
    EXPECT(POBJ_LIST_INSERT_HEAD(pop, first, two, link) == 0);
    EXPECT(POBJ_LIST_REMOVE(pop, first, two, link) == 0);
    EXPECT(POBJ_LIST_INSERT_TAIL(pop, first, two, link) == 0);
    EXPECT(POBJ_LIST_REMOVE(pop, first, two, link) == 0);
    EXPECT(POBJ_LIST_INSERT_BEFORE(pop, first, one, two, link) == 0);
    EXPECT(POBJ_LIST_REMOVE(pop, first, two, link) == 0);
    EXPECT(POBJ_LIST_INSERT_AFTER(pop, first, one, two, link) == 0);
    value = 3;
    EXPECT(
        !OID_IS_NULL(POBJ_LIST_INSERT_NEW_TAIL(pop, first, link, sizeof(struct entry), fill_entry, &value)));
    value = 4;
    EXPECT(!OID_IS_NULL(
        POBJ_LIST_INSERT_NEW_AFTER(pop, first, one, link, sizeof(struct entry), fill_entry, &value)));
    value = 5;
    EXPECT(!OID_IS_NULL(
        POBJ_LIST_INSERT_NEW_BEFORE(pop, first, one, link, sizeof(struct entry), fill_entry, &value)));
    EXPECT(digits(first) == 51423);
    EXPECT(POBJ_LIST_MOVE_ELEMENT_HEAD(pop, first, second, one, link, link) == 0);
    EXPECT(POBJ_LIST_MOVE_ELEMENT_BEFORE(pop, first, second, one, two, link, link) == 0);
    EXPECT(POBJ_LIST_MOVE_ELEMENT_AFTER(pop, second, second, one, two, link, link) == 0);
    EXPECT(POBJ_LIST_MOVE_ELEMENT_TAIL(pop, second, second, one, link, link) == 0);
    EXPECT(digits(first) == 543);
    EXPECT(digits(second) == 21);
    EXPECT(TOID_EQUALS(POBJ_LIST_LAST(second, link), one));
    EXPECT(TOID_EQUALS(POBJ_LIST_PREV(one, link), two));
    EXPECT(TOID_EQUALS(POBJ_LIST_NEXT(one, link), two));
    while (!POBJ_LIST_EMPTY(first))
        EXPECT(POBJ_LIST_REMOVE_FREE(pop, first, POBJ_LIST_FIRST(first), link) == 0);
    while (!POBJ_LIST_EMPTY(second))
        EXPECT(POBJ_LIST_REMOVE_FREE(pop, second, POBJ_LIST_LAST(second, link), link) == 0);
}

static int start_run(void* value, void* arg) {
    *(int*)value = *(int*)arg;
    return 0;
}

static void use_locks_and_settings(PMEMobjpool* pop) {
    TOID(struct stack) stack = POBJ_ROOT(pop, struct stack);
    struct pobj_alloc_class_desc description;
    struct pobj_defrag_result result;
    PMEMoid text = OID_NULL;
    PMEMoid* names[1];
    int value = 9;
    EXPECT(pmemobj_mutex_lock(pop, &D_RW(stack)->mutex) == 0);
    EXPECT(pmemobj_mutex_unlock(pop, &D_RW(stack)->mutex) == 0);
    EXPECT(pmemobj_volatile(pop, &D_RW(stack)->run.vlt, &D_RW(stack)->run.value, sizeof(int), start_run,
                            &value) == &D_RW(stack)->run.value);
    EXPECT(D_RO(stack)->run.value == 9);
    memset(&description, 0, sizeof description);
    description.unit_size = 128;
    description.units_per_block = 100;
    description.header_type = POBJ_HEADER_NONE;
    EXPECT(pmemobj_ctl_set(pop, "heap.alloc_class.new.desc", &description) == 0);
    EXPECT(pmemobj_xalloc(pop, &text, 128, 0, POBJ_CLASS_ID(description.class_id), NULL, NULL) == 0);
    names[0] = &text;
    EXPECT(pmemobj_defrag(pop, names, 1, &result) == 0);
    EXPECT(result.total == 1);
    pmemobj_free(&text);
    EXPECT(pmemobj_strdup(pop, &text, "text", 0) == 0);
    pmemobj_free(&text);
    TX_BEGIN_PARAM(pop, TX_PARAM_MUTEX, &D_RW(stack)->mutex) {
        text = TX_XSTRDUP("text", 0, 0);
        pmemobj_tx_free(text);
        text = TX_WCSDUP(L"text", 0);
        pmemobj_tx_free(text);
        text = TX_XWCSDUP(L"text", 0, 0);
        pmemobj_tx_free(text);
        TX_XFREE(TX_NEW(struct item), POBJ_XFREE_NO_ABORT);
    }
    TX_ONABORT {
        EXPECT(pmemobj_tx_stage() != TX_STAGE_ONABORT);
    }
    TX_END
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
    use_lists(pop);
    use_locks_and_settings(pop);
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
