// A pool whose machine loses power: checks what the last boot left behind, then commits transactions until the
// next cut. Each of two threads has a counter, words and an object that all follow from the counter, and moves
// money between shared accounts. After each commit it writes the counter to a file on the host, which outlives the
// machine.
//     lab_power_cut DIRECTORY ACKNOWLEDGEMENTS [--verify-only]
#include <fcntl.h>
#include <libpmemobj.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>

namespace {

constexpr const char* kLayout = "power cut";
constexpr std::size_t kPoolSize = std::size_t{48} << 20;
constexpr unsigned kThreads = 2;
constexpr unsigned kAccounts = 16;
constexpr std::int64_t kBalance = 1000;
constexpr unsigned kWords = 2000;  // several pages

struct Area {
    std::uint64_t counter;
    std::uint64_t words[kWords];
    PMEMoid object;
};

struct Root {
    std::uint64_t ready;
    std::int64_t balances[kAccounts];
    Area areas[kThreads];
};

struct Object {
    std::uint64_t counter;
    std::uint64_t size;
    unsigned char bytes[];
};

PMEMobjpool* pool;
Root* root;
std::mutex account_lock;

std::uint64_t mix(std::uint64_t value) {
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return value ^ value >> 31;
}

// What transaction `counter` makes of word `index`: 0 when it leaves it alone.
std::uint64_t word_after(unsigned thread, std::uint64_t counter, unsigned index) {
    return mix(thread * 1000003 + counter * 4099 + index) | 1;
}
bool changes_word(std::uint64_t counter, unsigned index) {
    return index % 7 == counter % 7;
}
std::size_t size_after(unsigned thread, std::uint64_t counter) {
    return sizeof(Object) + mix(counter * 31 + thread) % 9000;
}

[[noreturn]] void give_up(const char* what) {
    printf("%s: %s\n", what, pmemobj_errormsg());
    fflush(stdout);
    _exit(1);
}

void commit_one(unsigned thread) {
    Area* const area = &root->areas[thread];
    const std::uint64_t counter = area->counter + 1;
    const std::lock_guard hold(account_lock);
    TX_BEGIN(pool) {
        pmemobj_tx_add_range_direct(area, sizeof *area);
        area->counter = counter;
        for (unsigned i = 0; i < kWords; ++i)
            if (changes_word(counter, i))
                area->words[i] = word_after(thread, counter, i);
        if (!OID_IS_NULL(area->object))
            pmemobj_tx_free(area->object);
        const std::size_t size = size_after(thread, counter);
        area->object = pmemobj_tx_alloc(size, thread + 1);
        auto* const object = static_cast<Object*>(pmemobj_direct(area->object));
        object->counter = counter;
        object->size = size;
        memset(object->bytes, static_cast<int>(counter % 256), size - sizeof(Object));
        std::int64_t* const from = &root->balances[mix(counter) % kAccounts];
        std::int64_t* const to = &root->balances[mix(counter + 77) % kAccounts];
        pmemobj_tx_add_range_direct(from, sizeof *from);
        pmemobj_tx_add_range_direct(to, sizeof *to);
        *from -= 5;
        *to += 5;
    }
    TX_ONABORT {
        give_up("a transaction aborted");
    }
    TX_END
}

int verify(const std::uint64_t* acknowledged) {
    int faults = 0;
    std::int64_t sum = 0;
    for (const std::int64_t balance : root->balances)
        sum += balance;
    if (sum != kBalance * kAccounts)
        faults += printf("the balances add up to %lld\n", static_cast<long long>(sum)) > 0;
    for (unsigned thread = 0; thread < kThreads; ++thread) {
        const Area& area = root->areas[thread];
        const std::uint64_t counter = area.counter;
        printf("thread %u: %llu transactions, %llu acknowledged\n", thread,
               static_cast<unsigned long long>(counter),
               static_cast<unsigned long long>(acknowledged[thread]));
        if (counter < acknowledged[thread] || counter > acknowledged[thread] + 1)
            faults += printf("thread %u: that is not what was acknowledged\n", thread) > 0;
        for (unsigned i = 0; i < kWords; ++i) {
            std::uint64_t last = counter;  // the newest transaction that changed this word
            while (last > 0 && !changes_word(last, i))
                --last;
            if (area.words[i] != (last == 0 ? 0 : word_after(thread, last, i)))
                faults += printf("thread %u: word %u is not what transaction %llu wrote\n", thread, i,
                                 static_cast<unsigned long long>(last)) > 0;
        }
        if (OID_IS_NULL(area.object) != (counter == 0)) {
            faults += printf("thread %u: its object is not there, or there too early\n", thread) > 0;
        } else if (counter > 0) {
            const auto* const object = static_cast<const Object*>(pmemobj_direct(area.object));
            bool right = object->counter == counter && object->size == size_after(thread, counter);
            for (std::size_t i = 0; right && i < object->size - sizeof(Object); ++i)
                right = object->bytes[i] == counter % 256;
            if (!right)
                faults += printf("thread %u: its object is not the last one\n", thread) > 0;
        }
    }
    unsigned objects = 0;
    PMEMoid oid;
    POBJ_FOREACH(pool, oid)++ objects;
    unsigned expected = 0;
    for (const Area& area : root->areas)
        expected += area.counter > 0;
    if (objects != expected)
        faults += printf("%u objects, expected %u: objects leaked or were lost\n", objects, expected) > 0;
    return faults;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3)
        return 2;
    const std::string path = std::string(argv[1]) + "/pool";
    const bool verify_only = argc > 3 && strcmp(argv[3], "--verify-only") == 0;
    const int acknowledgements = open(argv[2], O_RDWR | O_CREAT, 0600);
    std::uint64_t acknowledged[kThreads] = {};
    if (acknowledgements < 0)
        return 2;
    const bool is_first =
        pread(acknowledgements, acknowledged, sizeof acknowledged, 0) != sizeof acknowledged;
    if (is_first) {
        pool = pmemobj_create(path.c_str(), kLayout, kPoolSize, 0600);
    } else {
        if (pmemobj_check(path.c_str(), kLayout) != 1)
            give_up("pmemobj_check before recovery");
        pool = pmemobj_open(path.c_str(), kLayout);
    }
    if (pool == nullptr)
        give_up("the pool does not open");
    root = static_cast<Root*>(pmemobj_direct(pmemobj_root(pool, sizeof(Root))));
    if (is_first) {
        TX_BEGIN(pool) {
            pmemobj_tx_add_range_direct(root, sizeof *root);
            root->ready = 1;
            for (std::int64_t& balance : root->balances)
                balance = kBalance;
        }
        TX_END
        if (pwrite(acknowledgements, acknowledged, sizeof acknowledged, 0) != sizeof acknowledged)
            return 2;
    } else if (const int faults = verify(acknowledged)) {
        printf("%d faults\n", faults);
        return 1;
    }
    // A counter of which nothing is acknowledged, but which is there, counts from now on.
    for (unsigned thread = 0; thread < kThreads; ++thread)
        acknowledged[thread] = root->areas[thread].counter;
    if (pwrite(acknowledgements, acknowledged, sizeof acknowledged, 0) != sizeof acknowledged)
        return 2;
    printf("verified\n");
    fflush(stdout);
    if (verify_only) {
        pmemobj_close(pool);
        if (pmemobj_check(path.c_str(), kLayout) != 1)
            give_up("pmemobj_check after recovery");
        return 0;
    }
    std::thread threads[kThreads];
    for (unsigned thread = 0; thread < kThreads; ++thread)
        threads[thread] = std::thread([=] {
            for (;;) {
                commit_one(thread);
                const std::uint64_t counter = root->areas[thread].counter;
                if (pwrite(acknowledgements, &counter, sizeof counter,
                           static_cast<off_t>(thread * sizeof counter)) != sizeof counter)
                    _exit(2);
            }
        });
    for (std::thread& thread : threads)
        thread.join();
}
