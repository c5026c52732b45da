/*
 * First steps with libpmemobj: a counter and a greeting that are still there the next time.
 *
 *     pmemobj_hello FILE       makes the pool at the first run; each run counts one more
 */
#include <libpmemobj.h>
#include <stdio.h>
#include <unistd.h>

/* What the pool holds. The root object is the one that a program finds by itself; it names all the others. */
struct greeting;
POBJ_LAYOUT_BEGIN(hello);
POBJ_LAYOUT_ROOT(hello, struct hello);
POBJ_LAYOUT_TOID(hello, struct greeting);
POBJ_LAYOUT_END(hello)

struct greeting {
    char text[40];
};

struct hello {
    int runs;
    TOID(struct greeting) greeting;
};

int main(int argc, char** argv) {
    PMEMobjpool* pop;
    struct hello* hello;
    volatile int failed = 0; /* changed in a transaction, read after it */
    if (argc != 2) {
        fprintf(stderr, "usage: pmemobj_hello FILE\n");
        return 2;
    }
    if (access(argv[1], F_OK) == 0)
        pop = pmemobj_open(argv[1], POBJ_LAYOUT_NAME(hello));
    else
        pop = pmemobj_create(argv[1], POBJ_LAYOUT_NAME(hello), PMEMOBJ_MIN_POOL, 0600);
    if (pop == NULL) {
        fprintf(stderr, "%s: %s\n", argv[1], pmemobj_errormsg());
        return 1;
    }
    hello = D_RW(POBJ_ROOT(pop, struct hello));

    TX_BEGIN(pop) {
        /* Both of these happen, or neither. */
        TX_ADD_DIRECT(hello);
        hello->runs++;
        TX_FREE(hello->greeting);
        hello->greeting = TX_NEW(struct greeting);
        snprintf(D_RW(hello->greeting)->text, sizeof D_RW(hello->greeting)->text, "Hello for the %d. time!",
                 hello->runs);
    }
    TX_ONABORT {
        fprintf(stderr, "nothing was changed: %s\n", pmemobj_errormsg());
        failed = 1;
    }
    TX_END

    if (!failed)
        puts(D_RO(hello->greeting)->text);
    pmemobj_close(pop);
    return failed;
}
