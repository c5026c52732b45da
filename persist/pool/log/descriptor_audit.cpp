// See descriptor_audit.hpp. "The sum of some of their differences" is a linear span over 16 bits: a basis by Gaussian
// elimination answers whether a check lies in it. Once a whole word was stored the span is everything, and nothing can
// be told; a few bits leave one wrong descriptor in some thousands unnoticed.
#include "persist/pool/log/descriptor_audit.hpp"

#include <errno.h>
#include <string.h>

#include <algorithm>
#include <bit>

#include "persist/pool/error_message.hpp"
#include "persist/pool/format/descriptor.hpp"
#include "persist/pool/medium.hpp"

namespace terrace::persist {
namespace {

class Span {
  public:
    void add(uint16_t vector) {
        vector = reduce(vector);
        if (vector != 0)
            basis_[std::bit_width(vector) - 1] = vector;
    }
    bool holds(uint16_t vector) const { return reduce(vector) == 0; }

  private:
    uint16_t reduce(uint16_t vector) const {
        for (unsigned bit = 16; bit-- > 0;) {
            if ((vector >> bit & 1) != 0)
                vector = static_cast<uint16_t>(vector ^ basis_[bit]);
        }
        return vector;
    }

    uint16_t basis_[16] = {};  // by the highest bit; 0: none
};

// The bits of a word that an entry may change.
uint64_t bits_of(const EntryView& entry, unsigned word) {
    if (entry.kind != EntryKind::kDescribe)
        return entry.operand;
    return word == 0 ? descriptor::kStateBits : ~0ull;
}

}  // namespace

bool DescriptorAudit::note(const EntryView& entry) {
    if (!is_of_descriptors(entry.kind))
        return true;
    if (entry.kind == EntryKind::kFormat)
        return formatted_.push({entry.offset, entry.operand});
    return changes_.push(
        {entry.offset / sizeof(PageDescriptor) * sizeof(PageDescriptor), changes_.size(), entry});
}

bool DescriptorAudit::is_formatted(uint64_t descriptor) const {
    return std::any_of(formatted_.begin(), formatted_.end(),
                       [&](const Range& range) { return descriptor - range.offset < range.bytes; });
}

int DescriptorAudit::verify(int file, const char* path, uint32_t seed, bool whole_sectors) {
    std::sort(changes_.begin(), changes_.end(), [](const Change& a, const Change& b) {
        return a.descriptor != b.descriptor ? a.descriptor < b.descriptor : a.order < b.order;
    });
    for (const Change *change = changes_.begin(), *end = changes_.end(); change != end;) {
        const uint64_t place = change->descriptor;
        alignas(32) PageDescriptor found;
        if (int error = medium::read_file(file, &found, sizeof found, place))
            return fail(error, "%s: the page table cannot be read: %s", path, strerror(error));
        bool is_possible = is_formatted(place) || descriptor::is_sound(found, seed, place);
        Span span;
        const auto found_check = static_cast<uint16_t>(found.state >> descriptor::kCheckShift);
        for (; change != end && change->descriptor == place; ++change) {
            const auto word = static_cast<unsigned>(change->entry.offset / 8 % 4);
            for (uint64_t bits = bits_of(change->entry, word); bits != 0; bits &= bits - 1)
                span.add(descriptor::difference(word, bits & -bits));
            apply_at(reinterpret_cast<char*>(&found) + word * 8, change->entry, seed);
        }
        is_possible |=
            !whole_sectors &&
            span.holds(static_cast<uint16_t>(found_check ^ descriptor::check_of(found, seed, place)));
        if (!is_possible)
            return fail(
                EINVAL,
                "%s: the page descriptor at offset %llu does not match its checksum, and the log does not "
                "explain why",
                path, static_cast<unsigned long long>(place));
    }
    return 0;
}

void DescriptorAudit::release() {
    changes_.release();
    formatted_.release();
}

}  // namespace terrace::persist
