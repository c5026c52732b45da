// Kinds work in static constructors, in thread-local destructors and after main.
#include <gtest/gtest.h>
#include <memkind.h>
#include <pthread.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <thread>

namespace {

// The earliest code of a program.
void* from_a_constructor = nullptr;
__attribute__((constructor(101))) void allocate_early() {
    from_a_constructor = memkind_malloc(MEMKIND_REGULAR, 100);
    if (from_a_constructor != nullptr)
        std::memset(from_a_constructor, 1, 100);
}

// The last code of a program: a fault here makes the exit status wrong.
struct Late {
    ~Late() {
        void* const memory = memkind_calloc(MEMKIND_DEFAULT, 1, 100);
        if (memory == nullptr)
            _exit(66);
        memkind_free(nullptr, memory);
        memkind_free(nullptr, from_a_constructor);
    }
} late;

TEST(EarlyAndLate, AConstructorCanAllocate) {
    ASSERT_NE(from_a_constructor, nullptr);
    EXPECT_EQ(memkind_detect_kind(from_a_constructor), MEMKIND_REGULAR);
}

// In the last round ThreadSanitizer has forgotten the thread, and any lock that it watches crashes in it.
#ifdef __SANITIZE_THREAD__
constexpr int kRounds = 3;
#else
constexpr int kRounds = 4;
#endif
pthread_key_t key;
int rounds = 0;
int known = 0;
int of_its_kind = 0;

// glibc calls a destructor in up to four rounds, as long as it sets its key again. In the last one jemalloc
// has let go of the thread, and any kind is served from ordinary memory; it must still be memory that free knows.
void allocate_in_each_round(void* memory) {
    ++rounds;
    memkind_free(nullptr, memory);
    void* const another = memkind_malloc(MEMKIND_REGULAR, 50);
    known += memkind_detect_kind(another) != nullptr;
    of_its_kind += memkind_detect_kind(another) == MEMKIND_REGULAR;
    if (rounds < kRounds)
        pthread_setspecific(key, another);
    else
        memkind_free(nullptr, another);
}

TEST(EarlyAndLate, AThreadsDestructorsCanAllocateAndFreeToTheLast) {
    ASSERT_EQ(pthread_key_create(&key, allocate_in_each_round), 0);
    std::thread([] { pthread_setspecific(key, memkind_malloc(MEMKIND_REGULAR, 50)); }).join();
    EXPECT_EQ(rounds, kRounds);
    EXPECT_EQ(known, rounds);
    EXPECT_GE(of_its_kind, rounds - 1);
    pthread_key_delete(key);
}

}  // namespace
