// faults STEP…: a program that holds memory while what its memory lies on breaks. Steps, in the order given:
//   take COUNT BYTES     allocates blocks and fills them; the program fails when malloc refuses one
//   grow BYTES           reallocates each block to this size
//   drop                 frees every second block
//   fail SYSCALL ERRNO   from now on the kernel answers this call so (fallocate, ftruncate, mmap_file, open)
//   shutdown DIR         the ext4 or xfs there fails every later read and write, as on a lost disk
//   evict                writes all shared pages back and forgets them, so that the next look at one reads the disk
//   run COMMAND          by /bin/sh, without the preload library
//   fork                 a child checks its blocks, takes more, changes all, and ends
//   signal NUMBER        raises it
//   check                every block still has what was written to it
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "probe.h"

namespace {

struct Block {
    unsigned* words;
    size_t count;
    unsigned seed;
};
std::vector<Block> blocks;
unsigned next_seed = 1;

void fill(const Block& block, size_t from) {
    for (size_t i = from; i < block.count; ++i)
        block.words[i] = block.seed + static_cast<unsigned>(i);
}

void take(size_t count, size_t bytes) {
    for (size_t n = 0; n < count; ++n) {
        const Block block = {static_cast<unsigned*>(malloc(bytes)), bytes / sizeof(unsigned),
                             next_seed += 1000003};
        CHECK(block.words != nullptr);
        fill(block, 0);
        blocks.push_back(block);
    }
}

void grow(size_t bytes) {
    for (Block& block : blocks) {
        block.words = static_cast<unsigned*>(realloc(block.words, bytes));
        CHECK(block.words != nullptr);
        const size_t before = block.count;
        block.count = bytes / sizeof(unsigned);
        fill(block, before);
    }
}

void check() {
    for (const Block& block : blocks)
        for (size_t i = 0; i < block.count; ++i)
            CHECK(block.words[i] == block.seed + static_cast<unsigned>(i));
}

void drop() {
    std::vector<Block> kept;
    for (size_t n = 0; n < blocks.size(); ++n)
        if (n % 2 == 0)
            kept.push_back(blocks[n]);
        else
            free(blocks[n].words);
    blocks.swap(kept);
}

// Any of these calls answers `error` from now on; for mmap only those of files that are shared or private and writable.
void fail(const std::string& call, unsigned error) {
    const unsigned answer = SECCOMP_RET_ERRNO | error;
    std::vector<sock_filter> filter = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
    };
    const auto fail_number = [&](unsigned number) {
        filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
        filter.push_back(BPF_STMT(BPF_RET | BPF_K, answer));
    };
    if (call == "fallocate") {
        fail_number(__NR_fallocate);
        fail_number(__NR_pwrite64);  // what the C library does where there is no fallocate
    } else if (call == "ftruncate") {
        fail_number(__NR_ftruncate);
    } else if (call == "open") {
        fail_number(__NR_openat);
#ifdef __NR_open
        fail_number(__NR_open);
#endif
    } else {
        CHECK(call == "mmap_file");
        filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_mmap, 0, 3));
        filter.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[3])));
        filter.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_ANONYMOUS, 1, 0));
        filter.push_back(BPF_STMT(BPF_RET | BPF_K, answer));
    }
    filter.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    sock_fprog program = {static_cast<unsigned short>(filter.size()), filter.data()};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

void shut_down(const char* directory) {
    const int file = open(directory, O_RDONLY | O_DIRECTORY);
    CHECK(file >= 0);
    unsigned without_flushing = 2;
    CHECK(ioctl(file, _IOR('X', 125, unsigned), &without_flushing) == 0);
    close(file);
}

void evict() {
    sync();
    FILE* const maps = fopen("/proc/self/maps", "re");
    CHECK(maps != nullptr);
    char line[1000];
    while (fgets(line, sizeof line, maps) != nullptr) {
        uintptr_t begin = 0;
        uintptr_t end = 0;
        char access[5];
        if (sscanf(line, "%zx-%zx %4s", &begin, &end, access) == 3 && strcmp(access, "rw-s") == 0)
            madvise(reinterpret_cast<void*>(begin), end - begin, MADV_PAGEOUT);
    }
    fclose(maps);
}

void fork_and_check() {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        check();
        take(2000, 3000);
        for (Block& block : blocks) {
            block.seed += 7;
            fill(block, 0);
        }
        check();
        _exit(0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status))
        fprintf(stderr, "the child: %s\n", strsignal(WTERMSIG(status)));
    CHECK(status == 0);
}

}  // namespace

int main(int count, char** arguments) {
    for (int at = 1; at < count; ++at) {
        const std::string step = arguments[at];
        const auto next = [&] {
            CHECK(at + 1 < count);
            return arguments[++at];
        };
        const auto number = [&] { return strtoul(next(), nullptr, 10); };
        if (step == "take") {
            const size_t blocks_wanted = number();
            take(blocks_wanted, number());
        } else if (step == "grow") {
            grow(number());
        } else if (step == "drop") {
            drop();
        } else if (step == "fail") {
            const std::string call = next();
            fail(call, static_cast<unsigned>(number()));
        } else if (step == "shutdown") {
            shut_down(next());
        } else if (step == "evict") {
            evict();
        } else if (step == "run") {
            unsetenv("LD_PRELOAD");
            CHECK(system(next()) == 0);
        } else if (step == "fork") {
            fork_and_check();
        } else if (step == "signal") {
            raise(static_cast<int>(number()));
        } else {
            CHECK(step == "check");
            check();
        }
    }
    check();
    printf("all blocks are as they were\n");
    return 0;
}
