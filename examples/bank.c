/*
 * A bank that survives kill -9: accounts in a pool, several threads, and each transfer is one transaction
 * that moves money between two accounts and writes a journal entry. However it is killed, no money appears or
 * vanishes, and no journal entry leaks.
 *
 *     bank create FILE [ACCOUNTS]             make a bank; every account begins with 1,000
 *     bank run FILE [SECONDS [THREADS]]       transfer at random: for ever, or for some seconds
 *     bank check FILE                         open it (which recovers it), count, and say what is there
 *
 * The exit status is 0 if all is well, 1 if the books do not balance, 2 if something else went wrong.
 */
#include <errno.h>
#include <libpmemobj.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INITIAL_BALANCE 1000
#define DEFAULT_ACCOUNTS 100
#define MOST_ACCOUNTS 10000
#define DEFAULT_THREADS 4
#define MOST_THREADS 16
#define ENTRIES_KEPT 32 /* journal entries of each thread; the oldest makes room for the newest */
#define POOL_SIZE ((size_t)32 << 20)

struct account;
struct entry;
POBJ_LAYOUT_BEGIN(bank);
POBJ_LAYOUT_ROOT(bank, struct bank);
POBJ_LAYOUT_TOID(bank, struct account);
POBJ_LAYOUT_TOID(bank, struct entry);
POBJ_LAYOUT_END(bank)

struct account {
    int64_t balance;
};

struct entry {
    uint64_t number;
    uint64_t from;
    uint64_t to;
    int64_t amount;
};

/* One thread's part of the journal: transfers are numbered 1, 2, …; number n is in slot n % ENTRIES_KEPT. */
struct journal {
    uint64_t transfers;
    TOID(struct entry) entries[ENTRIES_KEPT];
};

struct bank {
    uint64_t accounts;
    TOID(struct account) account; /* the first of an array */
    struct journal journals[MOST_THREADS];
};

/* ---- transferring ---- */

/* Transactions make changes durable together; keeping threads apart is the program's business. */
static pthread_mutex_t account_locks[MOST_ACCOUNTS];

struct worker {
    PMEMobjpool* pop;
    unsigned number;
    double end; /* 0: never */
    pthread_t thread;
};

static void lock_both(uint64_t a, uint64_t b) {
    pthread_mutex_lock(&account_locks[a < b ? a : b]); /* always in the same order: no deadlock */
    pthread_mutex_lock(&account_locks[a < b ? b : a]);
}

static void unlock_both(uint64_t a, uint64_t b) {
    pthread_mutex_unlock(&account_locks[a]);
    pthread_mutex_unlock(&account_locks[b]);
}

static int transfer(PMEMobjpool* pop, struct bank* bank, struct journal* journal, uint64_t from, uint64_t to,
                    int64_t amount) {
    struct account* const accounts = D_RW(bank->account);
    volatile int result = 0;
    TX_BEGIN(pop) {
        TX_ADD_DIRECT(&accounts[from]);
        TX_ADD_DIRECT(&accounts[to]);
        accounts[from].balance -= amount;
        accounts[to].balance += amount;

        const uint64_t number = journal->transfers + 1;
        TOID(struct entry)* const slot = &journal->entries[number % ENTRIES_KEPT];
        TX_ADD_DIRECT(slot);
        TX_ADD_FIELD_DIRECT(journal, transfers);
        TX_FREE(*slot);
        *slot = TX_NEW(struct entry);
        D_RW(*slot)->number = number;
        D_RW(*slot)->from = from;
        D_RW(*slot)->to = to;
        D_RW(*slot)->amount = amount;
        journal->transfers = number;
    }
    TX_ONABORT {
        fprintf(stderr, "bank: a transfer failed: %s\n", pmemobj_errormsg());
        result = -1;
    }
    TX_END
    return result;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void* transfer_until_the_end(void* argument) {
    struct worker* const worker = argument;
    struct bank* const bank = D_RW(POBJ_ROOT(worker->pop, struct bank));
    unsigned seed = (unsigned)time(NULL) * MOST_THREADS + worker->number;
    while (worker->end == 0 || now() < worker->end) {
        const uint64_t from = (uint64_t)rand_r(&seed) % bank->accounts;
        const uint64_t to = (uint64_t)rand_r(&seed) % bank->accounts;
        const int64_t amount = rand_r(&seed) % 100;
        int result;
        if (from == to)
            continue;
        lock_both(from, to);
        result = transfer(worker->pop, bank, &bank->journals[worker->number], from, to, amount);
        unlock_both(from, to);
        if (result != 0)
            return worker;
    }
    return NULL;
}

/* ---- counting ---- */

static int64_t sum_of(const struct bank* bank) {
    const struct account* const accounts = D_RO(bank->account);
    int64_t sum = 0;
    for (uint64_t i = 0; i < bank->accounts; i++)
        sum += accounts[i].balance;
    return sum;
}

static uint64_t transfers_of(const struct bank* bank) {
    uint64_t transfers = 0;
    for (int i = 0; i < MOST_THREADS; i++)
        transfers += bank->journals[i].transfers;
    return transfers;
}

/* Is each of the last transfers in its slot, and nothing else? Counts the entries. */
static int journal_is_whole(const struct journal* journal, uint64_t* entries) {
    const uint64_t newest = journal->transfers;
    const uint64_t oldest = newest > ENTRIES_KEPT ? newest - ENTRIES_KEPT + 1 : 1;
    for (uint64_t number = oldest; number <= newest; number++) {
        const struct entry* const entry = D_RO(journal->entries[number % ENTRIES_KEPT]);
        if (entry == NULL || entry->number != number)
            return 0;
        ++*entries;
    }
    return 1;
}

/* Prints what is there. Returns 0 if it is as it should be, else 1. */
static int count(PMEMobjpool* pop) {
    const struct bank* const bank = D_RO(POBJ_ROOT(pop, struct bank));
    const int64_t expected = (int64_t)bank->accounts * INITIAL_BALANCE;
    const int64_t sum = sum_of(bank);
    uint64_t linked = 0;
    uint64_t found = 0;
    int whole = 1;
    TOID(struct entry) entry;
    for (int i = 0; i < MOST_THREADS; i++)
        whole = journal_is_whole(&bank->journals[i], &linked) && whole;
    POBJ_FOREACH_TYPE(pop, entry) found++;

    printf("%llu accounts, sum %lld (%s), %llu transfers, %llu journal entries (%s)\n",
           (unsigned long long)bank->accounts, (long long)sum, sum == expected ? "right" : "WRONG",
           (unsigned long long)transfers_of(bank), (unsigned long long)found,
           !whole            ? "BROKEN"
           : found == linked ? "none lost, none leaked"
                             : "LEAKED");
    return sum == expected && whole && found == linked ? 0 : 1;
}

/* ---- commands ---- */

static int complain(const char* what, const char* path) {
    fprintf(stderr, "bank: cannot %s %s: %s\n", what, path, pmemobj_errormsg());
    return 2;
}

static int create(const char* path, uint64_t accounts) {
    volatile int result = 0;
    PMEMobjpool* const pop = pmemobj_create(path, POBJ_LAYOUT_NAME(bank), POOL_SIZE, 0600);
    if (pop == NULL)
        return complain("create", path);
    TX_BEGIN(pop) {
        struct bank* const bank = D_RW(POBJ_ROOT(pop, struct bank));
        TX_ADD_FIELD_DIRECT(bank, accounts);
        TX_ADD_FIELD_DIRECT(bank, account);
        bank->accounts = accounts;
        bank->account = TX_ALLOC(struct account, accounts * sizeof(struct account));
        for (uint64_t i = 0; i < accounts; i++)
            D_RW(bank->account)[i].balance = INITIAL_BALANCE;
    }
    TX_ONABORT {
        result = complain("set up", path);
    }
    TX_END
    if (result == 0)
        result = count(pop);
    pmemobj_close(pop);
    return result;
}

static int run(const char* path, int seconds, unsigned threads) {
    struct worker workers[MOST_THREADS];
    int result = 0;
    PMEMobjpool* const pop = pmemobj_open(path, POBJ_LAYOUT_NAME(bank));
    if (pop == NULL)
        return complain("open", path);
    for (int i = 0; i < MOST_ACCOUNTS; i++)
        pthread_mutex_init(&account_locks[i], NULL);
    for (unsigned i = 0; i < threads; i++) {
        workers[i].pop = pop;
        workers[i].number = i;
        workers[i].end = seconds == 0 ? 0 : now() + seconds;
        if (pthread_create(&workers[i].thread, NULL, transfer_until_the_end, &workers[i]) != 0) {
            fprintf(stderr, "bank: cannot start a thread: %s\n", strerror(errno));
            exit(2);
        }
    }
    for (unsigned i = 0; i < threads; i++) {
        void* failed;
        pthread_join(workers[i].thread, &failed);
        if (failed != NULL)
            result = 2;
    }
    if (result == 0)
        result = count(pop);
    pmemobj_close(pop);
    return result;
}

static int check(const char* path) {
    int result;
    PMEMobjpool* const pop = pmemobj_open(path, POBJ_LAYOUT_NAME(bank));
    if (pop == NULL)
        return complain("open", path);
    result = count(pop);
    pmemobj_close(pop);
    if (pmemobj_check(path, POBJ_LAYOUT_NAME(bank)) != 1) {
        fprintf(stderr, "bank: %s is damaged: %s\n", path, pmemobj_errormsg());
        return 1;
    }
    return result;
}

static long number_from(const char* text, long least, long most) {
    char* end;
    const long number = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || number < least || number > most) {
        fprintf(stderr, "bank: '%s' is not a number from %ld to %ld\n", text, least, most);
        exit(2);
    }
    return number;
}

int main(int argc, char** argv) {
    if (argc >= 3 && argc <= 4 && strcmp(argv[1], "create") == 0)
        return create(argv[2],
                      argc > 3 ? (uint64_t)number_from(argv[3], 2, MOST_ACCOUNTS) : DEFAULT_ACCOUNTS);
    if (argc >= 3 && argc <= 5 && strcmp(argv[1], "run") == 0)
        return run(argv[2], argc > 3 ? (int)number_from(argv[3], 0, 1000000) : 0,
                   argc > 4 ? (unsigned)number_from(argv[4], 1, MOST_THREADS) : DEFAULT_THREADS);
    if (argc == 3 && strcmp(argv[1], "check") == 0)
        return check(argv[2]);
    fprintf(stderr,
            "usage: bank create FILE [ACCOUNTS] | run FILE [SECONDS (0: for ever) [THREADS]] | check FILE\n");
    return 2;
}
