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
// load_of(i) gives the load of tier i, and is asked for each tier once at most.
template <class LoadOf>
constexpr unsigned choose_by_static_ratio(unsigned count, LoadOf load_of) {
    using Wide = unsigned __int128;
    const TierLoad first = load_of(0U);
    for (unsigned i = count - 1; i > 0; --i) {
        const TierLoad tier = load_of(i);
        if (Wide{tier.bytes} * first.ratio < Wide{first.bytes} * tier.ratio)
            return i;
    }
    return 0;
}

constexpr unsigned choose_by_static_ratio(std::span<const TierLoad> tiers) {
    return choose_by_static_ratio(static_cast<unsigned>(tiers.size()),
                                  [tiers](unsigned i) { return tiers[i]; });
}

}  // namespace terrace::tiering
