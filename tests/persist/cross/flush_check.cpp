// flush_check: the flush layer on an architecture for which there is no GoogleTest: copies and fills at every place and of many
// sizes, and the lines that the write-back instruction is given. Run by cross_test.sh in an
// emulator. Prints the method that was chosen; exit status 0 when all is well.
#include <signal.h>
#include <ucontext.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "persist/flush/cpu.hpp"
#include "persist/flush/flush.hpp"

using namespace terrace::persist;

namespace {

int faults = 0;

#define EXPECT(condition, ...)                                        \
    do {                                                              \
        if (!(condition) && ++faults < 20) {                          \
            std::printf("FAULT line %d: %s: ", __LINE__, #condition); \
            std::printf(__VA_ARGS__);                                 \
            std::printf("\n");                                        \
        }                                                             \
    } while (0)

void check_copies() {
    alignas(64) static char got[2048];
    static char expected[2048];
    for (std::size_t i = 0; i < sizeof got; ++i)
        got[i] = expected[i] = static_cast<char>(i * 7 + 3);
    unsigned random = 1;
    const auto below = [&](std::size_t bound) {
        random = random * 1664525U + 1013904223U;
        return (random >> 8) % bound;
    };
    for (int round = 0; round < 5000; ++round) {
        const std::size_t size = below(round % 2 == 0 ? 90 : 900);
        const std::size_t from = below(sizeof got - size);
        const std::size_t to = below(sizeof got - size);
        const auto hint = static_cast<CopyHint>(round % 3);
        if (round % 5 == 0) {
            fill_and_write_back(got + to, static_cast<unsigned char>(round), size, hint);
            std::memset(expected + to, static_cast<unsigned char>(round), size);
        } else {
            copy_and_write_back(got + to, got + from, size, hint);
            std::memmove(expected + to, expected + from, size);
        }
        if (round % 10 == 0)
            fence();
        EXPECT(std::memcmp(got, expected, sizeof got) == 0, "round %d size %zu from %zu to %zu", round, size,
               from, to);
    }
    write_back_and_fence(got + 1, 1000);
    write_back_and_fence(got, 0);
    write_back_always(got + 5, 77);
}

// Emulators and CPUs that do not know the instruction: it is looked at, noted and left out.
#if defined(__riscv)
constexpr std::uint32_t kInstruction = 0x0010200f;  // cbo.clean
constexpr unsigned kRegisterAt = 15;
unsigned long* registers_of(ucontext_t* context) {
    return context->uc_mcontext.__gregs;  // the first of them is the program counter
}
unsigned long& program_counter(ucontext_t* context) {
    return context->uc_mcontext.__gregs[REG_PC];
}
const WriteBackSet* watched() {
    return &kZicbomWriteBack;
}
std::size_t line_bytes() {
    return 64;
}
#else
constexpr std::uint32_t kInstruction = 0xd50b7c20;  // dc cvap
constexpr unsigned kRegisterAt = 0;
unsigned long long* registers_of(ucontext_t* context) {
    return context->uc_mcontext.regs;
}
unsigned long long& program_counter(ucontext_t* context) {
    return context->uc_mcontext.pc;
}
const WriteBackSet* watched() {
    static WriteBackSet chosen = {};
    chosen.write_back = flush_methods().write_back;
    return &chosen;
}
std::size_t line_bytes() {
    std::uint64_t cache_type = 0;
    asm("mrs %0, ctr_el0" : "=r"(cache_type));
    return std::size_t{4} << (cache_type >> 16 & 0xf);
}
#endif

std::uintptr_t cleaned[64];
std::size_t cleaned_count = 0;

void note_instruction(int, siginfo_t*, void* signal_context) {
    auto* const context = static_cast<ucontext_t*>(signal_context);
    std::uint32_t instruction = 0;
    std::memcpy(&instruction, reinterpret_cast<const void*>(program_counter(context)), sizeof instruction);
    if ((instruction & ~(0x1fU << kRegisterAt)) != kInstruction) {
        std::printf("FAULT: unknown instruction %08x\n", instruction);
        std::_Exit(1);
    }
    if (cleaned_count < sizeof cleaned / sizeof *cleaned)
        cleaned[cleaned_count] = registers_of(context)[(instruction >> kRegisterAt) & 0x1f];
    ++cleaned_count;
    program_counter(context) += sizeof instruction;
}

// Whether each line of a range is written back, and nothing else, where the instruction comes to note_instruction.
void check_write_back() {
    alignas(64) static char memory[1024];
    const std::uintptr_t base = reinterpret_cast<std::uintptr_t>(memory);
    const std::size_t line = line_bytes();
    cleaned_count = 0;
    watched()->write_back(memory, 1);
    if (cleaned_count == 0)
        return;
    for (std::size_t at = 0; at < 130; ++at) {
        for (std::size_t size = 0; size < 300; size += 3) {
            cleaned_count = 0;
            watched()->write_back(memory + at, size);
            const std::size_t lines = size == 0 ? 0 : (at + size - 1) / line - at / line + 1;
            EXPECT(cleaned_count == lines, "%zu bytes at %zu: %zu lines", size, at, cleaned_count);
            for (std::size_t i = 0; i < lines; ++i)
                EXPECT(cleaned[i] == base + (at / line + i) * line,
                       "%zu bytes at %zu: the line of number %zu", size, at, i);
        }
    }
    std::printf("each line once\n");
}

}  // namespace

int main() {
    struct sigaction action = {};
    action.sa_sigaction = note_instruction;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGILL, &action, nullptr);
    check_copies();
    check_write_back();
    std::printf("written back by %s\n", flush_methods().name);
    return faults == 0 ? 0 : 1;
}
