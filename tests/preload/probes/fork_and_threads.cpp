// fork, vfork, posix_spawn and system while threads allocate: the child is a copy with a life of its own.
#include <spawn.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>
#include <vector>

#include "probe.h"

namespace {

constexpr int kBlocks = 400;
constexpr size_t kSize = 3000;

struct Blocks {
    std::vector<unsigned char*> blocks;

    explicit Blocks(unsigned char content) {
        for (int i = 0; i < kBlocks; ++i) {
            blocks.push_back(static_cast<unsigned char*>(malloc(kSize)));
            CHECK(is_tiered(blocks.back()));
            memset(blocks.back(), content, kSize);
        }
    }
    void check(unsigned char content) const {
        for (const unsigned char* block : blocks)
            for (size_t i = 0; i < kSize; i += 97)
                CHECK(block[i] == content);
    }
    void fill(unsigned char content) const {
        for (unsigned char* block : blocks)
            memset(block, content, kSize);
    }
    void release() {
        for (unsigned char* block : blocks)
            free(block);
        blocks.clear();
    }
};

void churn() {
    for (size_t i = 0; i < 3000; ++i)
        free(realloc(malloc(i * 7), i * 11));
}

int end_of(pid_t child) {
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

// What a child does: everything, and it ends in the way that `round` says.
[[noreturn]] void live(Blocks& blocks, int round) {
    blocks.check(1);
    blocks.fill(2);
    std::thread(churn).join();
    churn();
    Blocks more(3);
    more.check(3);
    blocks.check(2);
    if (round % 5 == 0) {  // a grandchild
        const pid_t grandchild = fork();
        if (grandchild == 0) {
            more.check(3);
            more.fill(4);
            more.release();
            blocks.release();
            _exit(0);
        }
        CHECK(end_of(grandchild) == 0);
    }
    more.check(3);
    more.release();
    blocks.release();
    if (round % 2 == 0)
        _exit(0);
    exit(0);
}

pid_t start_by_vfork() {
    const pid_t program = vfork();
    if (program == 0) {
        execl("/bin/true", "true", nullptr);
        _exit(127);
    }
    return program;
}

}  // namespace

int main() {
    std::atomic<bool> done{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&] {
            while (!done.load())
                churn();
        });
    Blocks blocks(1);
    for (int round = 0; round < 20; ++round) {
        const pid_t child = fork();
        if (child == 0)
            live(blocks, round);
        blocks.check(1);
        CHECK(end_of(child) == 0);
        blocks.check(1);

        CHECK(end_of(start_by_vfork()) == 0);
    }
    char shell[] = "sh", option[] = "-c", command[] = "exit 5";
    char* arguments[] = {shell, option, command, nullptr};
    pid_t spawned = 0;
    CHECK(posix_spawn(&spawned, "/bin/sh", nullptr, nullptr, arguments, environ) == 0);
    CHECK(WEXITSTATUS(end_of(spawned)) == 5);
    CHECK(WEXITSTATUS(system("exit 6")) == 6);
    done.store(true);
    for (std::thread& thread : threads)
        thread.join();
    blocks.check(1);
    blocks.release();
    puts("parents and children keep to themselves");
    return 0;
}
