// The tables behind descriptor.hpp, made at compile time.
#include "persist/pool/format/descriptor.hpp"

namespace terrace::persist::descriptor::detail {
namespace {

constexpr std::array<uint16_t, 240> make_remainders() {
    std::array<uint16_t, 240> remainders{};
    uint32_t power = 1;
    for (uint16_t& remainder : remainders) {
        remainder = static_cast<uint16_t>(power);
        power <<= 1;
        if ((power & 0x10000) != 0)
            power ^= 0x11021;
    }
    return remainders;
}

constexpr std::array<std::array<uint16_t, 256>, 30> make_byte_table() {
    const std::array<uint16_t, 240> remainders = make_remainders();
    std::array<std::array<uint16_t, 256>, 30> table{};
    for (unsigned place = 0; place < 30; ++place) {
        for (unsigned byte = 0; byte < 256; ++byte) {
            uint16_t sum = 0;
            for (unsigned bit = 0; bit < 8; ++bit) {
                if ((byte >> bit & 1) != 0)
                    sum = static_cast<uint16_t>(sum ^ remainders[place * 8 + bit]);
            }
            table[place][byte] = sum;
        }
    }
    return table;
}

}  // namespace

constexpr std::array<uint16_t, 240> kRemainders = make_remainders();
constexpr std::array<std::array<uint16_t, 256>, 30> kByteTable = make_byte_table();

}  // namespace terrace::persist::descriptor::detail
