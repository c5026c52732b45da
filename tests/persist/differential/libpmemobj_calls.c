/* The same calls over the whole surface of libpmemobj.h, an answer a line: return values, errno, stages, whether names
 * are null, whether content is there. Compiled with PMDK's header and library and with Terrace's; libpmemobj_test.sh
 * compares the lines. Usage: program DIRECTORY. Usable sizes are answered as "at least what was asked for", and what
 * the two are documented to do differently is not asked (libpmemobj_differences.md). */
#include <errno.h>
#include <fcntl.h>
#include <libpmemobj.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

static char path[1000];
static char other_path[1000];
static PMEMobjpool* pop;

/* The value and errno of an expression; errno only of failures, for success may leave anything there. */
#define INT(expression)                                                                             \
    do {                                                                                            \
        errno = 0;                                                                                  \
        const long long answer_ = (long long)(expression);                                          \
        printf("%d %s = %lld errno %d\n", __LINE__, #expression, answer_, answer_ < 0 ? errno : 0); \
    } while (0)
/* A truth or a number that has no errno. */
#define SAY(expression) printf("%d %s = %lld\n", __LINE__, #expression, (long long)(expression))
#define NAME(expression)                                                                          \
    do {                                                                                          \
        errno = 0;                                                                                \
        const PMEMoid name = (expression);                                                        \
        printf("%d %s %s errno %d\n", __LINE__, #expression, OID_IS_NULL(name) ? "null" : "name", \
               OID_IS_NULL(name) ? errno : 0);                                                    \
    } while (0)
#define POOL(expression)                                                                               \
    do {                                                                                               \
        errno = 0;                                                                                     \
        pop = (expression);                                                                            \
        printf("%d %s %s errno %d message %d\n", __LINE__, #expression, pop == NULL ? "null" : "pool", \
               pop == NULL ? errno : 0, pop == NULL && pmemobj_errormsg()[0] != 0);                    \
    } while (0)

struct element;
TOID_DECLARE(struct element, 1);
POBJ_LIST_HEAD(head, struct element);
struct element {
    int value;
    POBJ_LIST_ENTRY(struct element) one;
    POBJ_LIST_ENTRY(struct element) two;
};
struct root {
    uint64_t word[64];
    PMEMoid name[16];
    struct head first;
    struct head second;
    PMEMmutex mutex;
    PMEMrwlock rwlock;
    PMEMcond cond;
    PMEMvlt(int) counter;
};
TOID_DECLARE_ROOT(struct root);

static struct root* root(void) {
    return (struct root*)pmemobj_direct(pmemobj_root(pop, sizeof(struct root)));
}

static int construct(PMEMobjpool* pool, void* object, void* result) {
    memset(object, 'c', 16);
    pmemobj_persist(pool, object, 16);
    return *(int*)result;
}

static int count_objects(void) {
    int count = 0;
    PMEMoid oid;
    POBJ_FOREACH(pop, oid)++ count;
    return count;
}

static int holds(PMEMoid oid, size_t size) {
    return pmemobj_alloc_usable_size(oid) >= size;
}

/* ---- pools ---- */

static void write_file(const char* name, size_t size, const char* text) {
    const int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)size) != 0 || write(fd, text, strlen(text)) < 0)
        printf("FAULT %s\n", name);
    close(fd);
}

static void pools(void) {
    char layout[2000];
    memset(layout, 'l', sizeof layout);
    POOL(pmemobj_create(path, "layout", PMEMOBJ_MIN_POOL - 1, 0600));
    SAY(access(path, F_OK));
    POOL(pmemobj_create(path, "layout", 0, 0600));
    layout[1024] = 0;
    POOL(pmemobj_create(path, layout, PMEMOBJ_MIN_POOL, 0600));
    POOL(pmemobj_create("/nowhere/at/all", "layout", PMEMOBJ_MIN_POOL, 0600));
    POOL(pmemobj_open(path, "layout"));
    INT(pmemobj_check(path, "layout"));
    layout[1023] = 0;
    POOL(pmemobj_create(path, layout, PMEMOBJ_MIN_POOL, 0600));
    pmemobj_close(pop);
    POOL(pmemobj_open(path, layout));
    pmemobj_close(pop);
    unlink(path);
    POOL(pmemobj_create(path, NULL, PMEMOBJ_MIN_POOL, 0640));
    pmemobj_close(pop);
    struct stat status;
    stat(path, &status);
    SAY(status.st_mode & 0777);
    POOL(pmemobj_open(path, ""));
    pmemobj_close(pop);
    POOL(pmemobj_open(path, NULL));
    pmemobj_close(pop);
    POOL(pmemobj_open(path, "other"));
    POOL(pmemobj_create(path, "layout", PMEMOBJ_MIN_POOL, 0600));
    POOL(pmemobj_create(path, "layout", 0, 0600));
    INT(pmemobj_check(path, ""));
    INT(pmemobj_check(path, NULL));
    unlink(path);
    write_file(path, PMEMOBJ_MIN_POOL, "");
    POOL(pmemobj_open(path, "layout"));
    POOL(pmemobj_create(path, "layout", 0, 0600));
    PMEMobjpool* const first = pop;
    POOL(pmemobj_open(path, "layout"));
    INT(pmemobj_check(path, "layout"));
    pmemobj_close(first);
    INT(pmemobj_check(path, "layout"));
    unlink(path);
    write_file(path, 1000, "short");
    POOL(pmemobj_open(path, "layout"));
    POOL(pmemobj_create(path, "layout", 0, 0600));
    write_file(path, PMEMOBJ_MIN_POOL, "not a pool at all");
    POOL(pmemobj_open(path, "layout"));
    unlink(path);
}

static void roots(void) {
    int result = 1;
    NAME(pmemobj_root(pop, 0));
    SAY(pmemobj_root_size(pop));
    NAME(pmemobj_root_construct(pop, 100, construct, &result));
    SAY(pmemobj_root_size(pop));
    result = 0;
    NAME(pmemobj_root_construct(pop, 100, construct, &result));
    SAY(pmemobj_root_size(pop));
    NAME(pmemobj_root(pop, 0));
    NAME(pmemobj_root(pop, 50));
    SAY(pmemobj_root_size(pop));
    NAME(pmemobj_root(pop, sizeof(struct root)));
    SAY(pmemobj_root_size(pop) == sizeof(struct root));
    SAY(((char*)root())[15] == 'c' && ((char*)root())[16] == 0);
    NAME(pmemobj_root(pop, (size_t)1 << 40));
    SAY(pmemobj_type_num(pmemobj_root(pop, 0)));
    memset(root(), 0, sizeof(struct root));
    pmemobj_persist(pop, root(), sizeof(struct root));
    SAY(count_objects());
    SAY(OID_EQUALS(pmemobj_oid(root()), pmemobj_root(pop, 0)));
    NAME(pmemobj_oid(&result));
    NAME(pmemobj_oid(NULL));
    SAY(pmemobj_pool_by_ptr(root()) == pop);
    SAY(pmemobj_pool_by_ptr(&result) == NULL);
    SAY(pmemobj_pool_by_oid(pmemobj_root(pop, 0)) == pop);
    SAY(pmemobj_pool_by_oid(OID_NULL) == NULL);
    SAY(pmemobj_direct(OID_NULL) == NULL);
    SAY(pmemobj_alloc_usable_size(OID_NULL));
    SAY(pmemobj_get_user_data(pop) == NULL);
    pmemobj_set_user_data(pop, &result);
    SAY(pmemobj_get_user_data(pop) == &result);
}

/* ---- atomic operations ---- */

static void atomics(PMEMoid* oid, int is_in_pool) {
    int result = 0;
    const uint64_t unknown = (uint64_t)1 << 20;
    printf("name %s\n", is_in_pool ? "in the pool" : "outside");
    *oid = OID_NULL;
    INT(pmemobj_alloc(pop, oid, 0, 1, NULL, NULL));
    INT(pmemobj_alloc(pop, oid, 100, 1, NULL, NULL));
    SAY(holds(*oid, 100));
    SAY(pmemobj_type_num(*oid));
    SAY(count_objects());
    INT(pmemobj_realloc(pop, oid, 100000, 2));
    SAY(holds(*oid, 100000));
    SAY(pmemobj_type_num(*oid));
    INT(pmemobj_realloc(pop, oid, (size_t)1 << 40, 2));
    SAY(holds(*oid, 100000));
    INT(pmemobj_realloc(pop, oid, 0, 2));
    SAY(OID_IS_NULL(*oid));
    INT(pmemobj_realloc(pop, oid, 0, 2));
    INT(pmemobj_realloc(pop, oid, 10, 2));
    memset(pmemobj_direct(*oid), 7, 10);
    INT(pmemobj_zrealloc(pop, oid, 5000, 2));
    SAY(((char*)pmemobj_direct(*oid))[9] == 7 && ((char*)pmemobj_direct(*oid))[4999] == 0);
    INT(pmemobj_zrealloc(pop, oid, 0, 2));
    INT(pmemobj_zalloc(pop, oid, 0, 1));
    INT(pmemobj_zalloc(pop, oid, 5000, 1));
    SAY(((char*)pmemobj_direct(*oid))[0] == 0 && ((char*)pmemobj_direct(*oid))[4999] == 0);
    pmemobj_free(oid);
    SAY(OID_IS_NULL(*oid));
    pmemobj_free(oid);
    INT(pmemobj_alloc(pop, oid, 100, 1, construct, &result));
    SAY(((char*)pmemobj_direct(*oid))[15]);
    pmemobj_free(oid);
    result = 5;
    INT(pmemobj_alloc(pop, oid, 100, 1, construct, &result));
    SAY(OID_IS_NULL(*oid));
    INT(pmemobj_alloc(pop, oid, (size_t)1 << 40, 1, NULL, NULL));
    INT(pmemobj_alloc(pop, oid, (size_t)-1, 1, NULL, NULL));
    INT(pmemobj_xalloc(pop, oid, 100, 1, unknown, NULL, NULL));
    INT(pmemobj_xalloc(pop, oid, 0, 1, POBJ_XALLOC_ZERO, NULL, NULL));
    INT(pmemobj_xalloc(pop, oid, 100, 1, POBJ_XALLOC_NO_FLUSH, NULL, NULL));
    pmemobj_free(oid);
    INT(pmemobj_xalloc(pop, oid, 100, 9, POBJ_XALLOC_ZERO, NULL, NULL));
    SAY(pmemobj_type_num(*oid));
    pmemobj_free(oid);
    INT(pmemobj_strdup(pop, oid, NULL, 1));
    INT(pmemobj_wcsdup(pop, oid, NULL, 1));
    INT(pmemobj_strdup(pop, oid, "", 3));
    SAY(*(char*)pmemobj_direct(*oid));
    pmemobj_free(oid);
    INT(pmemobj_strdup(pop, oid, "text", 4));
    SAY(strcmp((char*)pmemobj_direct(*oid), "text"));
    SAY(pmemobj_type_num(*oid));
    pmemobj_free(oid);
    INT(pmemobj_wcsdup(pop, oid, L"wide", 5));
    SAY(wcscmp((wchar_t*)pmemobj_direct(*oid), L"wide"));
    pmemobj_free(oid);
    SAY(count_objects());
    SAY(errno != 0 && pmemobj_errormsg()[0] != 0);
}

static void iterate(void) {
    PMEMoid oid;
    NAME(pmemobj_first(pop));
    NAME(pmemobj_next(OID_NULL));
    for (int i = 0; i < 10; i++)
        pmemobj_alloc(pop, NULL, 100, (uint64_t)i % 3, NULL, NULL);
    SAY(count_objects());
    NAME(POBJ_FIRST_TYPE_NUM(pop, 2));
    NAME(POBJ_FIRST_TYPE_NUM(pop, 9));
    int of_type = 0;
    for (oid = POBJ_FIRST_TYPE_NUM(pop, 0); !OID_IS_NULL(oid); oid = POBJ_NEXT_TYPE_NUM(oid))
        ++of_type;
    SAY(of_type);
    PMEMoid next;
    POBJ_FOREACH_SAFE(pop, oid, next) {
        pmemobj_free(&oid);
    }
    NAME(pmemobj_first(pop));
}

static void actions(void) {
    struct pobj_action act[4];
    struct root* const r = root();
    NAME(pmemobj_xreserve(pop, &act[0], 100, 1, (uint64_t)1 << 20));
    NAME(pmemobj_reserve(pop, &act[0], (size_t)1 << 40, 1));
    NAME(pmemobj_reserve(pop, &act[0], 100, 1));
    SAY(act[0].type);
    SAY(act[0].heap.offset != 0 && act[0].heap.usable_size >= 100);
    SAY(count_objects());
    pmemobj_set_value(pop, &act[1], &r->word[3], 33);
    SAY(act[1].type);
    SAY(r->word[3]);
    INT(pmemobj_publish(pop, act, 2));
    SAY(r->word[3]);
    SAY(count_objects());
    pmemobj_defer_free(pop, pmemobj_first(pop), &act[0]);
    SAY(count_objects());
    INT(pmemobj_publish(pop, act, 1));
    SAY(count_objects());
    const PMEMoid zeroed = pmemobj_xreserve(pop, &act[0], 1000, 1, POBJ_XALLOC_ZERO);
    SAY(*(char*)pmemobj_direct(zeroed));
    pmemobj_set_value(pop, &act[1], &r->word[3], 44);
    pmemobj_cancel(pop, act, 2);
    SAY(r->word[3]);
    SAY(count_objects());
    INT(pmemobj_publish(pop, act, 0));
    pmemobj_cancel(pop, act, 0);
}

static void stores(void) {
    struct root* const r = root();
    INT(pmemobj_xpersist(pop, r, 8, 0));
    INT(pmemobj_xpersist(pop, r, 8, PMEMOBJ_F_RELAXED));
    INT(pmemobj_xpersist(pop, r, 8, PMEMOBJ_F_MEM_NODRAIN));
    INT(pmemobj_xflush(pop, r, 8, PMEMOBJ_F_RELAXED));
    INT(pmemobj_xflush(pop, r, 8, PMEMOBJ_F_MEM_WC));
    pmemobj_flush(pop, r, 8);
    pmemobj_drain(pop);
    for (unsigned flags = 0; flags < 64; flags++) {
        SAY(pmemobj_memset(pop, r->word, (int)flags, 100, flags) == r->word);
        SAY(pmemobj_memcpy(pop, &r->word[20], r->word, 100, flags) == &r->word[20]);
        SAY(pmemobj_memmove(pop, &r->word[1], r->word, 100, flags) == &r->word[1]);
        SAY(((unsigned char*)r->word)[50] == flags);
    }
    SAY(pmemobj_memcpy_persist(pop, &r->word[20], "12345678", 8) == &r->word[20]);
    SAY(pmemobj_memset_persist(pop, r->word, 0, sizeof r->word) == r->word);
    pmemobj_drain(pop);
}

static int make_counter(void* value, void* arg) {
    *(int*)value = 5;
    return *(int*)arg;
}

static void library(void) {
    int result = 1;
    struct root* const r = root();
    SAY(pmemobj_check_version(2, 0) == NULL);
    SAY(pmemobj_check_version(2, 3) == NULL);
    SAY(pmemobj_check_version(2, 99) == NULL);
    SAY(pmemobj_check_version(1, 0) == NULL);
    SAY(pmemobj_check_version(3, 0) == NULL);
    SAY(pmemobj_volatile(pop, &r->counter.vlt, &r->counter.value, sizeof(int), make_counter, &result) ==
        NULL);
    result = 0;
    SAY(pmemobj_volatile(pop, &r->counter.vlt, &r->counter.value, sizeof(int), make_counter, &result) ==
        &r->counter.value);
    SAY(r->counter.value);
    pmemobj_set_funcs(malloc, free, realloc, strdup);
}

/* ---- transactions ---- */

static void on_stage(PMEMobjpool* pool, enum pobj_tx_stage stage, void* arg) {
    printf("callback %d %d %d\n", pool != NULL || stage == TX_STAGE_NONE, (int)stage, arg != NULL);
}

/* Runs a transaction around some work, and tells what became of it. */
#define TRANSACTION(work)                                                           \
    do {                                                                            \
        printf("%d transaction\n", __LINE__);                                       \
        TX_BEGIN_CB(pop, on_stage, root()) {                                        \
            work;                                                                   \
            SAY(pmemobj_tx_stage());                                                \
        }                                                                           \
        TX_ONCOMMIT {                                                               \
            printf("committed %d\n", pmemobj_tx_errno());                           \
        }                                                                           \
        TX_ONABORT {                                                                \
            printf("aborted %d %d\n", errno, pmemobj_tx_errno());                   \
        }                                                                           \
        TX_FINALLY {                                                                \
            printf("finally %d %d\n", (int)pmemobj_tx_stage(), pmemobj_tx_errno()); \
        }                                                                           \
        TX_END                                                                      \
        printf("after %d %d\n", (int)pmemobj_tx_stage(), pmemobj_tx_errno());       \
    } while (0)

#define RETURNING pmemobj_tx_set_failure_behavior(POBJ_TX_FAILURE_RETURN)

static void transaction_work(void) {
    struct root* const r = root();
    const uint64_t unknown = (uint64_t)1 << 20;
    const PMEMoid name = pmemobj_root(pop, 0);
    const PMEMoid foreign = {name.pool_uuid_lo + 1, name.off};
    static int outside;
    static struct pobj_action act[2];
    TRANSACTION((void)0);
    TRANSACTION(pmemobj_tx_abort(7));
    TRANSACTION(pmemobj_tx_abort(0));
    TRANSACTION(INT(pmemobj_tx_add_range(name, 0, 64)); r->word[0] = 1);
    SAY(r->word[0]);
    TRANSACTION(INT(pmemobj_tx_add_range_direct(r->word, 16)); r->word[0] = 2; pmemobj_tx_abort(9));
    SAY(r->word[0]);
    TRANSACTION(INT(pmemobj_tx_xadd_range(name, 0, 8, POBJ_XADD_NO_SNAPSHOT)); r->word[0] = 3;
                pmemobj_tx_abort(9));
    SAY(r->word[0]);
    TRANSACTION(INT(pmemobj_tx_add_range(foreign, 0, 64)));
    TRANSACTION(INT(pmemobj_tx_add_range_direct(&outside, 4)));
    TRANSACTION(INT(pmemobj_tx_add_range(name, 0, PMEMOBJ_MAX_ALLOC_SIZE + 1)));
    TRANSACTION(INT(pmemobj_tx_xadd_range(name, 0, 8, unknown)));
    TRANSACTION(INT(pmemobj_tx_xadd_range_direct(r, 8, unknown | POBJ_XADD_NO_ABORT)));
    TRANSACTION(INT(pmemobj_tx_xadd_range_direct(&outside, 4, POBJ_XADD_NO_ABORT)));
    TRANSACTION(RETURNING; INT(pmemobj_tx_add_range_direct(&outside, 4)));
    TRANSACTION(NAME(pmemobj_tx_alloc(0, 1)));
    TRANSACTION(NAME(pmemobj_tx_alloc((size_t)1 << 40, 1)));
    TRANSACTION(NAME(pmemobj_tx_zalloc(0, 1)));
    TRANSACTION(NAME(pmemobj_tx_xalloc(0, 1, POBJ_XALLOC_NO_ABORT)));
    TRANSACTION(NAME(pmemobj_tx_xalloc(8, 1, unknown)));
    TRANSACTION(NAME(pmemobj_tx_xalloc(8, 1, unknown | POBJ_XALLOC_NO_ABORT)));
    TRANSACTION(NAME(pmemobj_tx_xalloc((size_t)1 << 40, 1, POBJ_XALLOC_NO_ABORT)));
    TRANSACTION(NAME(pmemobj_tx_alloc(100, 1)); NAME(pmemobj_tx_zalloc(100, 2));
                NAME(pmemobj_tx_xalloc(100, 3, POBJ_XALLOC_ZERO | POBJ_XALLOC_NO_FLUSH)));
    SAY(count_objects());
    TRANSACTION(NAME(pmemobj_tx_alloc(100, 1)); pmemobj_tx_abort(3));
    SAY(count_objects());
    TRANSACTION(INT(pmemobj_tx_free(OID_NULL)); INT(pmemobj_tx_free(pmemobj_first(pop))));
    TRANSACTION(INT(pmemobj_tx_free(pmemobj_first(pop))); pmemobj_tx_abort(3));
    TRANSACTION(INT(pmemobj_tx_xfree(OID_NULL, 0));
                INT(pmemobj_tx_xfree(pmemobj_first(pop), POBJ_XFREE_NO_ABORT)));
    TRANSACTION(INT(pmemobj_tx_xfree(OID_NULL, unknown)));
    TRANSACTION(INT(pmemobj_tx_xfree(OID_NULL, unknown | POBJ_XFREE_NO_ABORT)));
    TRANSACTION(INT(pmemobj_tx_free(foreign)));
    TRANSACTION(INT(pmemobj_tx_free(pmemobj_tx_alloc(100, 1))));
    SAY(count_objects());
    TRANSACTION(NAME(pmemobj_tx_realloc(OID_NULL, 100, 1)));
    TRANSACTION(NAME(pmemobj_tx_realloc(pmemobj_first(pop), 0, 1)));
    SAY(count_objects());
    TRANSACTION(NAME(pmemobj_tx_realloc(pmemobj_first(pop), 5000, 6)));
    SAY(pmemobj_type_num(pmemobj_first(pop)));
    TRANSACTION(NAME(pmemobj_tx_zrealloc(pmemobj_first(pop), 9000, 7)); pmemobj_tx_abort(5));
    SAY(pmemobj_type_num(pmemobj_first(pop)));
    TRANSACTION(NAME(pmemobj_tx_realloc(pmemobj_first(pop), (size_t)1 << 40, 6)));
    TRANSACTION(INT(pmemobj_tx_free(pmemobj_first(pop))));
    TRANSACTION(NAME(pmemobj_tx_strdup(NULL, 1)));
    TRANSACTION(NAME(pmemobj_tx_xstrdup(NULL, 1, POBJ_XALLOC_NO_ABORT)));
    TRANSACTION(NAME(pmemobj_tx_xstrdup("a", 1, unknown)));
    TRANSACTION(NAME(pmemobj_tx_strdup("", 1)); NAME(pmemobj_tx_xstrdup("abc", 1, 0)));
    TRANSACTION(NAME(pmemobj_tx_wcsdup(NULL, 1)));
    TRANSACTION(NAME(pmemobj_tx_xwcsdup(NULL, 1, POBJ_XALLOC_NO_ABORT)));
    TRANSACTION(NAME(pmemobj_tx_wcsdup(L"", 1)); NAME(pmemobj_tx_xwcsdup(L"abc", 1, POBJ_XALLOC_ZERO)));
    SAY(count_objects());
    NAME(pmemobj_reserve(pop, &act[0], 100, 1));
    pmemobj_set_value(pop, &act[1], &r->word[9], 99);
    TRANSACTION(INT(pmemobj_tx_publish(act, 2)); SAY(r->word[9]));
    SAY(r->word[9]);
    NAME(pmemobj_reserve(pop, &act[0], 100, 1));
    TRANSACTION(INT(pmemobj_tx_xpublish(act, 1, POBJ_XPUBLISH_NO_ABORT)); pmemobj_tx_abort(5));
    TRANSACTION(INT(pmemobj_tx_xpublish(act, 0, unknown)));
    TRANSACTION(INT(pmemobj_tx_publish(act, 0)));
    SAY(count_objects());
    TRANSACTION(INT(pmemobj_tx_lock(TX_PARAM_MUTEX, &r->mutex));
                INT(pmemobj_tx_lock(TX_PARAM_MUTEX, &r->mutex));
                INT(pmemobj_tx_xlock(TX_PARAM_RWLOCK, &r->rwlock, POBJ_XLOCK_NO_ABORT)));
    INT(pmemobj_mutex_trylock(pop, &r->mutex));
    INT(pmemobj_mutex_unlock(pop, &r->mutex));
    TRANSACTION(INT(pmemobj_tx_xlock(TX_PARAM_MUTEX, &r->mutex, unknown)));
    TRANSACTION(pmemobj_tx_set_user_data(r); SAY(pmemobj_tx_get_user_data() == r));
    TRANSACTION(SAY(pmemobj_tx_get_user_data() == NULL));
    TRANSACTION(SAY(pmemobj_tx_get_failure_behavior()); RETURNING; SAY(pmemobj_tx_get_failure_behavior()));
    TRANSACTION(SAY(pmemobj_tx_get_failure_behavior()));
    PMEMoid oid;
    PMEMoid next;
    POBJ_FOREACH_SAFE(pop, oid, next) {
        pmemobj_free(&oid);
    }
}

static void nesting(void) {
    struct root* const r = root();
    memset(r->word, 0, sizeof r->word);
    TRANSACTION(TX_ADD_FIELD_DIRECT(r, word); r->word[0] = 1; TRANSACTION(r->word[1] = 2); r->word[2] = 3);
    TRANSACTION(TX_ADD_FIELD_DIRECT(r, word); r->word[0] = 10;
                TRANSACTION(r->word[1] = 20; pmemobj_tx_abort(77)));
    SAY(r->word[0] * 100 + r->word[1] * 10 + r->word[2]);
    PMEMobjpool* const other = pmemobj_create(other_path, "other", PMEMOBJ_MIN_POOL, 0600);
    SAY(other != NULL);
    PMEMobjpool* const mine = pop;
    TRANSACTION(pop = other; TX_BEGIN(other) {} TX_END);
    pop = mine;
    pmemobj_close(other);
    unlink(other_path);
    /* without a jump */
    INT(pmemobj_tx_begin(pop, NULL, TX_PARAM_CB, on_stage, r, TX_PARAM_NONE));
    SAY(pmemobj_tx_stage());
    NAME(pmemobj_tx_alloc(0, 0));
    SAY(pmemobj_tx_stage());
    SAY(pmemobj_tx_errno());
    SAY(pmemobj_tx_end());
    SAY(pmemobj_tx_stage());
    INT(pmemobj_tx_begin(pop, NULL, TX_PARAM_MUTEX, &r->mutex, TX_PARAM_RWLOCK, &r->rwlock, TX_PARAM_NONE));
    INT(pmemobj_tx_begin(pop, NULL, TX_PARAM_NONE));
    pmemobj_tx_commit();
    SAY(pmemobj_tx_stage());
    SAY(pmemobj_tx_end());
    SAY(pmemobj_tx_stage());
    pmemobj_tx_process();
    SAY(pmemobj_tx_stage());
    pmemobj_tx_process();
    SAY(pmemobj_tx_stage());
    pmemobj_tx_process();
    SAY(pmemobj_tx_stage());
    SAY(pmemobj_tx_end());
    INT(pmemobj_mutex_trylock(pop, &r->mutex));
    INT(pmemobj_mutex_unlock(pop, &r->mutex));
}

static void logs(void) {
    size_t sizes[] = {1, 8, 40, 41, 64, 100, 1000, 0, 5000};
    PMEMoid oid;
    for (size_t i = 0; i < 9; i++) {
        SAY(pmemobj_tx_log_snapshots_max_size(&sizes[i], 1));
        SAY(pmemobj_tx_log_snapshots_max_size(sizes, i));
        SAY(pmemobj_tx_log_intents_max_size(sizes[i]));
    }
    SAY(pmemobj_tx_log_intents_max_size((size_t)-1));
    INT(pmemobj_alloc(pop, &oid, 100000, 1, NULL, NULL));
    char* memory = (char*)pmemobj_direct(oid);
    memory += (64 - (uintptr_t)memory % 64) % 64;
    for (int type = 0; type < 2; type++) {
        for (size_t size = 0; size < 300; size += 1 + size / 4) {
            TRANSACTION(RETURNING; INT(pmemobj_tx_log_append_buffer((enum pobj_log_type)type, memory, size)));
            TRANSACTION(INT(pmemobj_tx_xlog_append_buffer((enum pobj_log_type)type, memory + 1, size,
                                                          POBJ_XLOG_APPEND_BUFFER_NO_ABORT)));
        }
        TRANSACTION(INT(pmemobj_tx_log_auto_alloc((enum pobj_log_type)type, 0)));
    }
    TRANSACTION(INT(pmemobj_tx_log_append_buffer(TX_LOG_TYPE_SNAPSHOT, &oid, 1000)));
    TRANSACTION(INT(pmemobj_tx_xlog_append_buffer(TX_LOG_TYPE_SNAPSHOT, memory, 1000, (uint64_t)1 << 20)));
    pmemobj_free(&oid);
}

/* ---- lists ---- */

static void show(struct head* head) {
    TOID(struct element) element;
    printf("list");
    POBJ_LIST_FOREACH(element, head, one) printf(" %d", D_RO(element)->value);
    printf(" |");
    POBJ_LIST_FOREACH_REVERSE(element, head, one) printf(" %d", D_RO(element)->value);
    printf("\n");
}

static int set_value(PMEMobjpool* pool, void* object, void* value) {
    (void)pool;
    if (value == NULL)
        return 1;
    ((struct element*)object)->value = *(int*)value;
    return 0;
}

static void lists(void) {
    struct root* const r = root();
    struct head* const a = &r->first;
    struct head* const b = &r->second;
    TOID(struct element) element[8];
    TOID(struct element) loose;
    int i;
    show(a);
    for (i = 0; i < 8; i++) {
        const PMEMoid name =
            i % 2 == 0 ? POBJ_LIST_INSERT_NEW_HEAD(pop, a, one, sizeof(struct element), set_value, &i)
                       : POBJ_LIST_INSERT_NEW_TAIL(pop, a, one, sizeof(struct element), set_value, &i);
        SAY(OID_IS_NULL(name));
        TOID_ASSIGN(element[i], name);
        show(a);
    }
    i = 100;
    NAME(POBJ_LIST_INSERT_NEW_AFTER(pop, a, element[3], one, sizeof(struct element), set_value, &i));
    i = 200;
    NAME(POBJ_LIST_INSERT_NEW_BEFORE(pop, a, element[6], one, sizeof(struct element), set_value, &i));
    NAME(POBJ_LIST_INSERT_NEW_HEAD(pop, a, one, sizeof(struct element), set_value, NULL));
    NAME(POBJ_LIST_INSERT_NEW_HEAD(pop, a, one, (size_t)1 << 40, set_value, &i));
    show(a);
    INT(POBJ_ZNEW(pop, &loose, struct element));
    INT(POBJ_LIST_INSERT_AFTER(pop, a, element[0], loose, one));
    show(a);
    INT(POBJ_LIST_REMOVE(pop, a, loose, one));
    INT(POBJ_LIST_INSERT_BEFORE(pop, a, element[6], loose, one));
    show(a);
    INT(POBJ_LIST_REMOVE(pop, a, loose, one));
    INT(POBJ_LIST_INSERT_HEAD(pop, b, loose, one));
    INT(POBJ_LIST_MOVE_ELEMENT_HEAD(pop, a, b, element[0], one, one));
    INT(POBJ_LIST_MOVE_ELEMENT_TAIL(pop, a, b, element[1], one, one));
    INT(POBJ_LIST_MOVE_ELEMENT_AFTER(pop, a, b, element[0], element[2], one, one));
    INT(POBJ_LIST_MOVE_ELEMENT_BEFORE(pop, a, b, element[0], element[3], one, one));
    INT(POBJ_LIST_MOVE_ELEMENT_TAIL(pop, b, b, element[3], one, one));
    INT(POBJ_LIST_MOVE_ELEMENT_HEAD(pop, b, b, element[1], one, one));
    show(a);
    show(b);
    INT(POBJ_LIST_REMOVE_FREE(pop, b, loose, one));
    show(b);
    SAY(count_objects());
    while (!POBJ_LIST_EMPTY(a))
        INT(POBJ_LIST_REMOVE_FREE(pop, a, POBJ_LIST_LAST(a, one), one));
    while (!POBJ_LIST_EMPTY(b))
        INT(POBJ_LIST_REMOVE_FREE(pop, b, POBJ_LIST_FIRST(b), one));
    SAY(count_objects());
}

static void locks(void) {
    struct root* const r = root();
    struct timespec past = {1, 0};
    INT(pmemobj_mutex_lock(pop, &r->mutex));
    INT(pmemobj_mutex_trylock(pop, &r->mutex));
    INT(pmemobj_mutex_timedlock(pop, &r->mutex, &past));
    INT(pmemobj_cond_timedwait(pop, &r->cond, &r->mutex, &past));
    INT(pmemobj_cond_signal(pop, &r->cond));
    INT(pmemobj_cond_broadcast(pop, &r->cond));
    INT(pmemobj_mutex_unlock(pop, &r->mutex));
    INT(pmemobj_rwlock_rdlock(pop, &r->rwlock));
    INT(pmemobj_rwlock_tryrdlock(pop, &r->rwlock));
    INT(pmemobj_rwlock_timedrdlock(pop, &r->rwlock, &past));
    INT(pmemobj_rwlock_trywrlock(pop, &r->rwlock));
    INT(pmemobj_rwlock_timedwrlock(pop, &r->rwlock, &past));
    for (int i = 0; i < 3; i++)
        INT(pmemobj_rwlock_unlock(pop, &r->rwlock));
    INT(pmemobj_rwlock_wrlock(pop, &r->rwlock));
    INT(pmemobj_rwlock_trywrlock(pop, &r->rwlock));
    INT(pmemobj_rwlock_tryrdlock(pop, &r->rwlock));
    pmemobj_mutex_zero(pop, &r->mutex);
    pmemobj_rwlock_zero(pop, &r->rwlock);
    pmemobj_cond_zero(pop, &r->cond);
    INT(pmemobj_mutex_trylock(pop, &r->mutex));
    INT(pmemobj_rwlock_trywrlock(pop, &r->rwlock));
}

/* ---- settings ---- */

#define GET(type, name)                               \
    do {                                              \
        type value = 0;                               \
        INT(pmemobj_ctl_get(pop, name, &value));      \
        printf("%s: %lld\n", name, (long long)value); \
    } while (0)
#define SET(type, name, to)                      \
    do {                                         \
        type value = (type)(to);                 \
        INT(pmemobj_ctl_set(pop, name, &value)); \
    } while (0)

static void make_class(const char* name, size_t unit, size_t alignment, unsigned units, int header) {
    struct pobj_alloc_class_desc class = {unit, alignment, units, (enum pobj_header_type)header, 0};
    printf("%s %zu %zu %u %d\n", name, unit, alignment, units, header);
    INT(pmemobj_ctl_set(pop, name, &class));
    SAY(class.units_per_block >= units);
}

static void settings(void) {
    struct pobj_alloc_class_desc class;
    PMEMoid oid;
    GET(int, "prefault.at_create");
    GET(int, "prefault.at_open");
    GET(int, "fallocate.at_create");
    GET(int, "copy_on_write.at_open");
    SET(int, "prefault.at_open", 1);
    GET(int, "prefault.at_open");
    SET(int, "prefault.at_open", 0);
    GET(int, "heap.arenas_assignment_type");
    GET(int, "nonsense");
    GET(int, "prefault");
    GET(int, "");
    GET(unsigned, "heap.arena.x.size");
    GET(int, "heap.arena.1.automatic");
    GET(int, "heap.arena.0.automatic");
    GET(int, "heap.arena.9999.automatic");
    GET(uint64_t, "heap.arena.0.size");
    GET(unsigned, "heap.narenas.max");
    SET(unsigned, "heap.narenas.total", 5);
    SET(unsigned, "heap.thread.arena_id", 0);
    SET(unsigned, "heap.thread.arena_id", 2);
    GET(unsigned, "heap.thread.arena_id");
    SET(unsigned, "heap.thread.arena_id", 9999);
    GET(uint64_t, "heap.size.granularity");
    SET(uint64_t, "heap.size.granularity", 0);
    GET(uint64_t, "heap.size.granularity");
    GET(int, "stats.enabled");
    SET(int, "stats.enabled", POBJ_STATS_ENABLED_BOTH);
    GET(int, "stats.enabled");
    SET(uint64_t, "stats.heap.curr_allocated", 1);
    GET(long long, "tx.cache.size");
    SET(long long, "tx.cache.size", -1);
    SET(long long, "tx.cache.size", 100);
    SET(long long, "tx.cache.size", PMEMOBJ_MAX_ALLOC_SIZE + 1);
    GET(long long, "tx.cache.size");
    GET(long long, "tx.cache.threshold");
    SET(long long, "tx.cache.threshold", 5);
    GET(int, "tx.debug.skip_expensive_checks");
    GET(int, "tx.debug.verify_user_buffers");
    GET(int, "tx.post_commit.queue_depth");
    SET(int, "tx.post_commit.queue_depth", 5);
    GET(int, "debug.heap.alloc_pattern");
    SET(int, "debug.heap.alloc_pattern", 0x5a);
    INT(pmemobj_alloc(pop, &oid, 100, 1, NULL, NULL));
    SAY(((char*)pmemobj_direct(oid))[99]);
    pmemobj_free(&oid);
    SET(int, "debug.heap.alloc_pattern", -1);
    INT(pmemobj_ctl_get(pop, NULL, &oid));
    INT(pmemobj_ctl_exec(pop, "prefault.at_open", &oid));
    INT(pmemobj_ctl_get(NULL, "stats.enabled", &oid));
    INT(pmemobj_ctl_get(pop, "heap.alloc_class.0.desc", &class));
    INT(pmemobj_ctl_get(pop, "heap.alloc_class.200.desc", &class));
    INT(pmemobj_ctl_get(pop, "heap.alloc_class.255.desc", &class));
    INT(pmemobj_ctl_get(pop, "heap.alloc_class.-1.desc", &class));
    INT(pmemobj_ctl_get(pop, "heap.alloc_class.new.desc", &class));
    make_class("heap.alloc_class.3.desc", 512, 0, 1000, POBJ_HEADER_NONE);
    make_class("heap.alloc_class.200.desc", 513, 0, 1000, POBJ_HEADER_LEGACY);
    make_class("heap.alloc_class.200.desc", 513, 0, 1000, POBJ_HEADER_LEGACY);
    make_class("heap.alloc_class.254.desc", 1024, 512, 1000, POBJ_HEADER_NONE);
    make_class("heap.alloc_class.255.desc", 1024, 512, 1000, POBJ_HEADER_NONE);
    make_class("heap.alloc_class.new.desc", 1024, 500, 1000, POBJ_HEADER_NONE);
    make_class("heap.alloc_class.new.desc", 0, 0, 1000, POBJ_HEADER_NONE);
    make_class("heap.alloc_class.new.desc", 100, 0, 0, POBJ_HEADER_NONE);
    make_class("heap.alloc_class.new.desc", 100, 0, 10, 3);
    make_class("heap.alloc_class.new.desc", (size_t)4 << 20, (size_t)4 << 20, 10, POBJ_HEADER_NONE);
    make_class("heap.alloc_class.new.desc", 500, 0, 1000, POBJ_HEADER_COMPACT);
    INT(pmemobj_ctl_get(pop, "heap.alloc_class.254.desc", &class));
    SAY(class.unit_size == 1024 && class.alignment == 512 && class.header_type == POBJ_HEADER_NONE);
    const struct {
        unsigned id;
        size_t size;
    } wanted[] = {{254, 1024}, {254, 1025}, {254, 1}, {200, 449}, {200, 450}, {200, 32768}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        INT(pmemobj_xalloc(pop, &oid, wanted[i].size, 7, POBJ_CLASS_ID(wanted[i].id), NULL, NULL));
        SAY(holds(oid, wanted[i].size));
        SAY(wanted[i].id != 254 || (uintptr_t)pmemobj_direct(oid) % 512 == 0);
    }
    PMEMoid next;
    POBJ_FOREACH_SAFE(pop, oid, next) {
        pmemobj_free(&oid);
    }
}

static void defragment(void) {
    enum { kCount = 2000 };
    static PMEMoid oid[kCount];
    static PMEMoid* name[kCount];
    struct pobj_defrag_result result;
    TX_BEGIN(pop) {
        for (int i = 0; i < kCount; i++) {
            oid[i] = pmemobj_tx_alloc(100, 1);
            *(int*)pmemobj_direct(oid[i]) = i;
        }
    }
    TX_END
    TX_BEGIN(pop) {
        for (int i = 0; i < kCount; i++) {
            name[i] = &oid[i];
            if (i % 10 == 0)
                continue;
            pmemobj_tx_free(oid[i]);
            oid[i] = OID_NULL;
        }
    }
    TX_END
    INT(pmemobj_defrag(pop, name, kCount, &result));
    SAY(result.total);
    SAY(result.relocated > 100);
    int wrong = 0;
    for (int i = 0; i < kCount; i += 10)
        wrong += *(int*)pmemobj_direct(oid[i]) != i;
    SAY(wrong);
    SAY(count_objects());
    INT(pmemobj_defrag(pop, name, 0, &result));
    SAY(result.total);
    PMEMoid same = oid[10];
    PMEMoid* both[] = {&oid[10], &same};
    INT(pmemobj_defrag(pop, both, 2, NULL));
    SAY(OID_EQUALS(oid[10], same));
    for (int i = 0; i < kCount; i += 10)
        pmemobj_free(&oid[i]);
    SAY(count_objects());
}

static void poolset(void) {
    char text[3000];
    char part[1100];
    snprintf(part, sizeof part, "%s.part", path);
    snprintf(text, sizeof text, "PMEMPOOLSET\n# one\n16M %s\n", part);
    write_file(path, 0, text);
    POOL(pmemobj_create(path, "set", PMEMOBJ_MIN_POOL, 0600));
    POOL(pmemobj_open(path, "set"));
    POOL(pmemobj_create(path, "set", 0, 0600));
    NAME(pmemobj_root(pop, 100));
    pmemobj_close(pop);
    POOL(pmemobj_create(path, "set", 0, 0600));
    POOL(pmemobj_open(path, "set"));
    SAY(pmemobj_root_size(pop));
    pmemobj_close(pop);
    INT(pmemobj_check(path, "set"));
    static const char* const wrong[] = {"PMEMPOOLSET\n", "PMEMPOOLSET\n16M relative\n",
                                        "PMEMPOOLSET\nfoo bar\n", "PMEMPOOLSET\n16M\n",
                                        "PMEMPOOLSET\nOPTION FOO\n16M /dev/shm/a\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_file(path, 0, wrong[i]);
        POOL(pmemobj_open(path, "set"));
    }
    unlink(part);
    unlink(path);
}

/* What the environment says is looked at for each pool. */
static void environment(void) {
    static const char* const entries[] = {"prefault.at_opn=1",
                                          "prefault.at_open",
                                          "prefault.at_open=x",
                                          "=5",
                                          "prefault.at_open=1=2",
                                          "",
                                          ";;",
                                          "sds.at_create=0;;prefault.at_open=y",
                                          "stats.enabled=foo",
                                          "stats.enabled=both",
                                          "stats.heap.curr_allocated=1",
                                          "heap.arena.create=1",
                                          "heap.alloc_class.128.desc=500,0,1000,compact",
                                          "heap.alloc_class.3.desc=500,0,1000,compact",
                                          "heap.alloc_class.128.desc=500,0,1000",
                                          "heap.alloc_class.128.desc=500,0,1000,foo",
                                          "heap.alloc_class.new.desc=600,0,1000,none",
                                          "heap.arenas_assignment_type=foo",
                                          "heap.arenas_assignment_type=thread",
                                          "tx.cache.size=1000",
                                          "tx.cache.size=-1",
                                          "debug.heap.alloc_pattern=5",
                                          "heap.size.granularity=4194304"};
    for (size_t i = 0; i < sizeof entries / sizeof *entries; i++) {
        char whole[200];
        snprintf(whole, sizeof whole, "sds.at_create=0;%s", entries[i]);
        setenv("PMEMOBJ_CONF", whole, 1);
        unlink(path);
        pop = pmemobj_create(path, "environment", PMEMOBJ_MIN_POOL, 0600);
        printf("%s: %s, file %s\n", entries[i], pop == NULL ? "null" : "pool",
               access(path, F_OK) == 0 ? "is there" : "is not");
        if (pop != NULL)
            pmemobj_close(pop);
    }
    setenv("PMEMOBJ_CONF", "sds.at_create=0", 1);
    unlink(path);
}

int main(int argc, char** argv) {
    if (argc < 2)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    snprintf(path, sizeof path, "%s/pool", argv[1]);
    snprintf(other_path, sizeof other_path, "%s/other", argv[1]);
    int off = 0;
    INT(pmemobj_ctl_set(NULL, "sds.at_create", &off));
    pools();
    POOL(pmemobj_create(path, "calls", 4 * PMEMOBJ_MIN_POOL, 0600));
    if (pop == NULL)
        return 1;
    roots();
    PMEMoid outside;
    atomics(&outside, 0);
    atomics(&root()->name[0], 1);
    iterate();
    actions();
    stores();
    library();
    transaction_work();
    nesting();
    logs();
    lists();
    locks();
    settings();
    defragment();
    pmemobj_close(pop);
    POOL(pmemobj_open(path, "calls"));
    SAY(pmemobj_root_size(pop) == sizeof(struct root));
    SAY(count_objects());
    SAY(root()->word[2]);
    locks();
    pmemobj_close(pop);
    INT(pmemobj_check(path, "calls"));
    unlink(path);
    poolset();
    environment();
    return 0;
}
