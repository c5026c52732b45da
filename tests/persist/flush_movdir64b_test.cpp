// MOVDIR64B, on CPUs that do not have it: whatever of it the file stream_movdir64b.cpp uses is carried out by a handler of SIGILL, so
// that its addresses and its lines are tested on any machine.
#include <gtest/gtest.h>
#include <signal.h>
#include <ucontext.h>

#include <cstdint>
#include <cstring>

#include "persist/flush/cpu.hpp"

#if defined(__x86_64__)

namespace terrace::persist {
namespace {

int carried_out = 0;

// The registers by the numbers that instructions have for them.
constexpr int kRegisters[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

// 66 [REX] 0F 38 F8 /r: the 64 bytes at the memory operand to the address in the register. Anything else ends the process.
void carry_out(int, siginfo_t*, void* signal_context) {
    greg_t* const registers = static_cast<ucontext_t*>(signal_context)->uc_mcontext.gregs;
    const unsigned char* code = reinterpret_cast<const unsigned char*>(registers[REG_RIP]);
    const auto value = [&](unsigned number) {
        return static_cast<std::uint64_t>(registers[kRegisters[number]]);
    };
    unsigned rex = 0;
    if (*code++ != 0x66)
        _exit(101);
    if ((*code & 0xf0) == 0x40)
        rex = *code++;
    if (memcmp(code, "\x0f\x38\xf8", 3) != 0)
        _exit(102);
    code += 3;
    const unsigned mode = *code >> 6;
    const unsigned destination = (*code >> 3 & 7) | (rex & 4) << 1;
    const unsigned base = *code++ & 7;
    std::uint64_t address = 0;
    if (mode == 3)
        _exit(103);
    if (base == 4) {  // base + index * scale
        const unsigned sib = *code++;
        const unsigned index = (sib >> 3 & 7) | (rex & 2) << 2;
        if ((sib & 7) == 5 && mode == 0)
            _exit(104);
        address = value((sib & 7) | (rex & 1) << 3);
        if (index != 4)
            address += value(index) << (sib >> 6);
    } else if (base == 5 && mode == 0) {
        _exit(105);
    } else {
        address = value(base | (rex & 1) << 3);
    }
    if (mode == 1) {
        address += static_cast<std::uint64_t>(static_cast<signed char>(*code++));
    } else if (mode == 2) {
        std::int32_t distance = 0;
        memcpy(&distance, code, sizeof distance);
        code += sizeof distance;
        address += static_cast<std::uint64_t>(static_cast<std::int64_t>(distance));
    }
    char line[kCacheLine];
    memcpy(line, reinterpret_cast<const void*>(address), sizeof line);
    if (value(destination) % kCacheLine != 0)
        _exit(106);  // the CPU would fault
    memcpy(reinterpret_cast<void*>(value(destination)), line, sizeof line);
    registers[REG_RIP] = reinterpret_cast<greg_t>(code);
    ++carried_out;
}

class Movdir64b : public testing::Test {
  protected:
    Movdir64b() {
        struct sigaction action = {};
        action.sa_sigaction = carry_out;
        action.sa_flags = SA_SIGINFO;
        sigaction(SIGILL, &action, &before_);
        carried_out = 0;
        for (std::size_t i = 0; i < sizeof source_; ++i)
            source_[i] = static_cast<char>(i * 5 + 1);
    }
    ~Movdir64b() override { sigaction(SIGILL, &before_, nullptr); }

    alignas(kCacheLine) char memory_[1024] = {};
    char source_[1024];

  private:
    struct sigaction before_;
};

TEST_F(Movdir64b, CopiesLinesFromAnyAddress) {
    for (std::size_t from = 0; from < 70; ++from) {
        for (std::size_t lines = 0; lines <= 5; ++lines) {
            for (const auto copy : {kMovdir64bStreams.lines, kMovdir64bStreams.lines_down}) {
                memset(memory_, 0, sizeof memory_);
                copy(memory_ + 128, source_ + from, lines);
                EXPECT_EQ(memcmp(memory_ + 128, source_ + from, lines * kCacheLine), 0);
                EXPECT_EQ(memory_[127], 0);
                EXPECT_EQ(memory_[128 + lines * kCacheLine], 0);
            }
        }
    }
    EXPECT_TRUE(carried_out > 0 || kMovdir64bStreams.is_available());
}

TEST_F(Movdir64b, MovesLinesOverTheirSourceInTheDirectionThatIsRight) {
    memcpy(memory_, source_, sizeof memory_);
    kMovdir64bStreams.lines(memory_, memory_ + 7, 6);
    EXPECT_EQ(memcmp(memory_, source_ + 7, 6 * kCacheLine), 0);
    memcpy(memory_, source_, sizeof memory_);
    kMovdir64bStreams.lines_down(memory_ + 64, memory_ + 7, 6);
    EXPECT_EQ(memcmp(memory_ + 64, source_ + 7, 6 * kCacheLine), 0);
}

TEST_F(Movdir64b, FillsLines) {
    kMovdir64bStreams.fill(memory_ + 64, 'f', 3);
    for (std::size_t i = 0; i < 5 * kCacheLine; ++i)
        EXPECT_EQ(memory_[i], i >= 64 && i < 256 ? 'f' : '\0') << i;
}

}  // namespace
}  // namespace terrace::persist

#endif
