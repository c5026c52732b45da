// A thousand threads at once that allocate, pass blocks on for others to free, resize, and end while their blocks live.
// Every block is checked when it is freed; at the end nothing may be left.
#include <pthread.h>

#include <atomic>
#include <vector>

#include "probe.h"

namespace {

constexpr unsigned kThreads = 1000;
constexpr unsigned kRounds = 50;
constexpr unsigned kMailboxes = 509;

// Where threads leave blocks for others.
std::atomic<unsigned*> mailboxes[kMailboxes];
pthread_barrier_t all_are_there;

// A block says its own length in words, and then a pattern of it.
unsigned* make(unsigned words, unsigned how) {
    void* block = nullptr;
    if (how % 4 == 0)
        block = calloc(words, sizeof(unsigned));
    else if (how % 4 == 1)
        CHECK(posix_memalign(&block, 64u << how % 5, words * sizeof(unsigned)) == 0);
    else
        block = malloc(words * sizeof(unsigned));
    CHECK(block != nullptr);
    unsigned* const all = static_cast<unsigned*>(block);
    if (how % 4 == 0)
        for (unsigned i = 0; i < words; ++i)
            CHECK(all[i] == 0);
    for (unsigned i = 0; i < words; ++i)
        all[i] = words * (i + 1);
    return all;
}

void check_and_free(unsigned* block) {
    if (block == nullptr)
        return;
    const unsigned words = block[0];
    for (unsigned i = 0; i < words; ++i)
        CHECK(block[i] == words * (i + 1));
    free(block);
}

void* thread(void* argument) {
    unsigned random = static_cast<unsigned>(reinterpret_cast<uintptr_t>(argument)) * 2654435761u + 1;
    pthread_barrier_wait(&all_are_there);
    for (unsigned round = 0; round < kRounds; ++round) {
        random = random * 1664525u + 1013904223u;
        const unsigned kind = random >> 8;
        // Mostly small, sometimes some pages, seldom a megabyte.
        const unsigned words = kind % 2000 == 0 ? 300000 : kind % 20 == 0 ? kind % 8000 + 1 : kind % 120 + 1;
        unsigned* block = make(words, random >> 20);
        if (kind % 7 == 0) {
            const unsigned more = words * 2 + 1;
            block = static_cast<unsigned*>(realloc(block, more * sizeof(unsigned)));
            CHECK(block != nullptr && block[words - 1] == words * words);
            for (unsigned i = 0; i < more; ++i)
                block[i] = more * (i + 1);
        }
        check_and_free(mailboxes[random % kMailboxes].exchange(block));
    }
    return strdup("what a thread leaves behind");
}

}  // namespace

int main() {
    CHECK(pthread_barrier_init(&all_are_there, nullptr, kThreads) == 0);
    std::vector<pthread_t> threads;
    pthread_attr_t small;
    CHECK(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, 64 << 10) == 0);
    for (uintptr_t i = 0; i < kThreads; ++i) {
        pthread_t one;
        CHECK(pthread_create(&one, &small, thread, reinterpret_cast<void*>(i)) == 0);
        threads.push_back(one);
    }
    for (const pthread_t one : threads) {
        void* left = nullptr;
        CHECK(pthread_join(one, &left) == 0);
        CHECK(strcmp(static_cast<char*>(left), "what a thread leaves behind") == 0);
        free(left);
    }
    for (auto& mailbox : mailboxes)
        check_and_free(mailbox.exchange(nullptr));
    printf("%u threads, every block as it was\n", kThreads);
}
