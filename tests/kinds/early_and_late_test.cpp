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

void* seen_by_a_key_destructor = nullptr;

TEST(EarlyAndLate, AThreadsLastDestructorCanAllocateAndFree) {
    pthread_key_t key;
    ASSERT_EQ(pthread_key_create(&key,
                                 [](void* memory) {
                                     memkind_free(nullptr, memory);
                                     void* const another = memkind_malloc(MEMKIND_DEFAULT, 50);
                                     seen_by_a_key_destructor = another;
                                     memkind_free(nullptr, another);
                                 }),
              0);
    std::thread([&] { pthread_setspecific(key, memkind_malloc(MEMKIND_DEFAULT, 50)); }).join();
    EXPECT_NE(seen_by_a_key_destructor, nullptr);
    pthread_key_delete(key);
}

}  // namespace
