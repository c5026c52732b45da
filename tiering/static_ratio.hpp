// The STATIC_RATIO policy: which tier the next allocation goes to, so that the bytes in the tiers keep the
// wished ratio. A pure function from plain numbers to an index: no memory, no clock, no state. The caller
// supplies the bytes. Cost: two multiplications per tier, no division.
#pragma once

#include <cstdint>
#include <span>

namespace terrace::tiering {

struct TierLoad {
    std::uint64_t bytes;  // allocated in the tier now
    std::uint64_t ratio;  // its share of the whole; shares are relative to each other; less than 2^32
};

// The last tier that lags behind tier 0, or tier 0 when none does: memkind's rule, so that a memkind user's
// ratios mean the same here. Compared crosswise (b_i * r_0 < b_0 * r_i) and in 128 bits, so that it neither
// rounds nor overflows. REQUIRES: at least one tier. ENSURES: with objects of one size s, placed one after
// the other, |b_i * r_0 - b_0 * r_i| <= s * max(r_0, r_i).
constexpr unsigned choose_by_static_ratio(std::span<const TierLoad> tiers) {
    using Wide = unsigned __int128;
    const TierLoad& first = tiers.front();
    for (std::size_t i = tiers.size() - 1; i > 0; --i) {
        if (Wide{tiers[i].bytes} * first.ratio < Wide{first.bytes} * tiers[i].ratio)
            return static_cast<unsigned>(i);
    }
    return 0;
}

}  // namespace terrace::tiering
