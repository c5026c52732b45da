// Thousands of threads that end, some by pthread_exit, with blocks freed by destructors, exit hooks and other threads.
#include <pthread.h>

#include <string>
#include <thread>
#include <vector>

#include "probe.h"

namespace {

pthread_key_t key;

void free_key(void* block) {
    CHECK(strcmp(static_cast<char*>(block), "key") == 0);
    free(block);
    free(malloc(5000));
}

struct Late {
    std::string text = std::string(3000, 'l');
    ~Late() {
        CHECK(text.size() == 3000);
        text.assign(10000, 'x');
    }
};

char* handed_over[64];

void* work(void* argument) {
    const auto i = reinterpret_cast<size_t>(argument);
    thread_local Late late;
    CHECK(late.text[i % 3000] == 'l');
    pthread_setspecific(key, strdup("key"));
    std::vector<char*> mine;
    for (size_t n = 0; n < 50; ++n)
        mine.push_back(static_cast<char*>(malloc(n * i % 9000)));
    for (char* block : mine)
        free(block);
    if (i < 64)
        handed_over[i] = strdup("handed over");
    if (i % 3 == 0)
        pthread_exit(argument);
    return argument;
}

}  // namespace

int main() {
    CHECK(pthread_key_create(&key, free_key) == 0);
    for (size_t round = 0; round < 60; ++round) {
        pthread_t threads[50];
        for (size_t i = 0; i < 50; ++i)
            CHECK(pthread_create(&threads[i], nullptr, work, reinterpret_cast<void*>(round * 50 + i)) == 0);
        for (size_t i = 0; i < 50; ++i) {
            void* result = nullptr;
            CHECK(pthread_join(threads[i], &result) == 0 &&
                  result == reinterpret_cast<void*>(round * 50 + i));
        }
    }
    for (char* block : handed_over) {
        CHECK(strcmp(block, "handed over") == 0);
        free(block);
    }
    for (int i = 0; i < 20; ++i)
        std::thread([] { free(malloc(100)); }).detach();
    puts("threads come and go");
    return 0;
}
