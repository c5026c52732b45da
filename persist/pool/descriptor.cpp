// The table behind descriptor.hpp, made at compile time.
#include "persist/pool/descriptor.hpp"

namespace terrace::persist::descriptor::detail {

constexpr std::array<std::array<uint16_t, 256>, 30> kByteTable = make_byte_table();

}  // namespace terrace::persist::descriptor::detail
