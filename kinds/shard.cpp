#include "kinds/shard.hpp"

#include <stdio.h>
#include <sys/mman.h>

#include <new>

#include "kinds/extent_hooks.hpp"
#include "kinds/kind.hpp"
#include "kinds/registry.hpp"
#include "src/check.hpp"
#include "src/log.hpp"
#include "src/own_memory.hpp"
#include "src/page_map.hpp"

namespace terrace::kinds {

using namespace jemalloc;
using page_map::Entry;

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kChunk = std::size_t{256} << 10;

// A run's second page holds its length in pages, where a span's address would be; such an entry has this class.
constexpr unsigned kRunLength = 62;

// REQUIRES: shard->lock is held.
Span* make_descriptor(Shard* shard, unsigned class_number) {
    const std::size_t size = span_descriptor_size(class_number);
    if (Span* const used_before = shard->free_descriptors[size / 64]; used_before != nullptr) {
        shard->free_descriptors[size / 64] = used_before->next;
        return used_before;
    }
    if (shard->chunk_left < size) {
        auto* const chunk = static_cast<Shard::Chunk*>(map_own_memory(kChunk));
        if (chunk == nullptr)
            return nullptr;
        *chunk = {shard->chunks};
        shard->chunks = chunk;
        shard->chunk_next = reinterpret_cast<char*>(chunk) + 64;
        shard->chunk_left = kChunk - 64;
    }
    void* const memory = shard->chunk_next;
    shard->chunk_next += size;
    shard->chunk_left -= size;
    return static_cast<Span*>(memory);
}

// REQUIRES: shard->lock is held.
void put_in_list(Shard::Bin& bin, Span* span) {
    span->next = bin.partial;
    span->previous = nullptr;
    if (bin.partial != nullptr)
        bin.partial->previous = span;
    bin.partial = span;
    span->listed = true;
}

void take_from_list(Shard::Bin& bin, Span* span) {
    if (span->previous != nullptr)
        span->previous->next = span->next;
    else
        bin.partial = span->next;
    if (span->next != nullptr)
        span->next->previous = span->previous;
    span->listed = false;
}

void mark_span(const Span* span, Entry entry) {
    for (std::size_t offset = 0; offset < span->its_class().span_size; offset += kPage)
        page_map::set_entry(span->base + offset, entry);
}

// REQUIRES: shard->lock is held, the span is empty and in no list. The memory at span->base is the caller's then.
void forget_span(Shard* shard, Span* span) {
    INVARIANT(span->is_valid() && span->is_empty());
    mark_span(span, 0);
    --shard->bins[span->class_number].span_count;
    const std::size_t size = span_descriptor_size(span->class_number);
    span->next = shard->free_descriptors[size / 64];
    shard->free_descriptors[size / 64] = span;
}

// Makes a span of new pages. REQUIRES: shard->lock is held; it is let go of for a while.
Span* add_span(Shard* shard, unsigned class_number) {
    const SizeClass& its_class = size_class(class_number);
    shard->lock.unlock();
    void* const pages =
        terrace_je_mallocx(its_class.span_size, arena_flag(shard->arena) | kTcacheNone | align_flag(kPage));
    shard->lock.lock();
    if (pages == nullptr)
        return nullptr;
    Span* const span = make_descriptor(shard, class_number);
    if (span == nullptr) {
        terrace_je_dallocx(pages, kTcacheNone);
        return nullptr;
    }
    span->base = static_cast<char*>(pages);
    span->shard = shard;
    span->class_number = static_cast<std::uint8_t>(class_number);
    span->listed = false;
    span->fill();
    // By the address, not by the shard: in a thread's last moments jemalloc serves everybody from its own arena.
    mark_span(span, page_map::make_entry(owner_at(pages, shard->kind), reinterpret_cast<std::uintptr_t>(span),
                                         class_number));
    ++shard->bins[class_number].span_count;
    return span;
}

// Pages of spans that became empty, to be freed when no lock is held any more.
class Emptied {
  public:
    [[nodiscard]] bool is_full() const { return count_ == kMost; }
    void add(void* pages) {
        // A span more may become empty after the last look at is_full().
        pages_[count_++] = pages;
    }
    void free_all() {
        for (; count_ > 0; --count_)
            terrace_je_dallocx(pages_[count_ - 1], kTcacheNone);
    }

  private:
    static constexpr unsigned kMost = 63;
    void* pages_[kMost + 1];
    unsigned count_ = 0;
};

// Blocks on their way back to one span. Neighbours in a thread's cache mostly come from the same span, so
// what is to be done once a span is done when the next one's turn comes.
class SpanReturn {
  public:
    explicit SpanReturn(Emptied& emptied) : emptied_(emptied) {}

    [[nodiscard]] bool takes(const void* block) const {
        return static_cast<std::size_t>(static_cast<const char*>(block) - base_) < bytes_;
    }

    // Returns how many of the blocks, from the first on, are dealt with. REQUIRES: the first is in the span.
    unsigned put(void* const* blocks, unsigned count) {
        const unsigned put = span_->put(blocks, count);
        returned_ += put;
        if (put == count || !takes(blocks[put]))
            return put;
        const void* const wrong = blocks[put];
        report_wrong_free(wrong, span_->block(span_->index_of(wrong)) == wrong ? "the block is free already"
                                                                               : "not the start of a block");
        return put + 1;
    }

    void turn_to(Span* span) {
        finish_span();
        if (span->shard != locked_) {
            unlock();
            locked_ = span->shard;
            locked_->lock.lock();
        }
        span_ = span;
        base_ = span->base;
        bytes_ = span->its_class().span_size;
    }

    void finish() {
        finish_span();
        unlock();
    }

  private:
    void unlock() {
        if (locked_ != nullptr)
            locked_->lock.unlock();
        locked_ = nullptr;
    }

    void finish_span() {
        if (returned_ > 0) {
            Shard::Bin& bin = locked_->bins[span_->class_number];
            bin.live -= returned_;
            returned_ = 0;
            if (!span_->listed)
                put_in_list(bin, span_);
            if (span_->is_empty()) {
                take_from_list(bin, span_);
                keep_or_forget(bin);
            }
        }
        span_ = nullptr;
        bytes_ = 0;
    }

    void keep_or_forget(Shard::Bin& bin) {
        if (bin.spare == nullptr) {
            bin.spare = span_;
            return;
        }
        emptied_.add(span_->base);
        forget_span(locked_, span_);
    }

    Emptied& emptied_;
    Shard* locked_ = nullptr;
    Span* span_ = nullptr;
    const char* base_ = nullptr;
    std::size_t bytes_ = 0;  // 0: no span
    unsigned returned_ = 0;
};

}  // namespace

void report_wrong_free(const void* pointer, const char* why) {
    log_error("free(%p): %s; ignored", pointer, why);
}

Shard* make_shard(memkind* kind) {
    void* const memory = map_own_memory(kChunk);
    if (memory == nullptr)
        return nullptr;
    Shard* const shard = new (memory) Shard{};
    shard->hooks = kExtentHooks;
    shard->kind = kind;
    if (!make_arena(kind, &shard->hooks, &shard->arena)) {
        munmap(memory, kChunk);
        return nullptr;
    }
    constexpr std::size_t kOwnSize = (sizeof(Shard) + 63) / 64 * 64;
    shard->chunk_next = static_cast<char*>(memory) + kOwnSize;
    shard->chunk_left = kChunk - kOwnSize;
    return shard;
}

void destroy_shard(Shard* shard) {
    destroy_arena(shard->kind, shard->arena);
    for (Shard::Chunk* chunk = shard->chunks; chunk != nullptr;) {
        Shard::Chunk* const next = chunk->next;
        munmap(chunk, kChunk);
        chunk = next;
    }
    munmap(shard, kChunk);
}

unsigned take_blocks(Shard* shard, unsigned class_number, void** blocks, unsigned wanted) {
    REQUIRES(class_number >= 1 && class_number <= kSmallClasses);
    LockGuard guard(shard->lock);
    Shard::Bin& bin = shard->bins[class_number];
    unsigned missing = wanted;
    while (missing > 0) {
        Span* span = bin.partial;
        if (span == nullptr) {
            span = bin.spare;
            bin.spare = nullptr;
            if (span == nullptr) {
                // Some are better than waiting for pages.
                if (missing < wanted)
                    break;
                span = add_span(shard, class_number);
                if (span == nullptr)
                    break;
            }
            put_in_list(bin, span);
        }
        missing -= span->take(blocks + missing, missing);
        if (span->free_count == 0)
            take_from_list(bin, span);
    }
    const unsigned taken = wanted - missing;
    for (unsigned i = 0; missing > 0 && i < taken; ++i)
        blocks[i] = blocks[missing + i];
    bin.live += taken;
    return taken;
}

void give_blocks_back(void* const* blocks, unsigned count) {
    Emptied emptied;
    SpanReturn to_span(emptied);
    for (unsigned i = 0; i < count;) {
        if (!to_span.takes(blocks[i])) {
            const Entry entry = page_map::entry_of(blocks[i]);
            const unsigned class_number = page_map::class_in(entry);
            if (class_number - 1 >= kSmallClasses || emptied.is_full()) {
                to_span.finish();
                emptied.free_all();
            }
            if (class_number - 1 >= kCachedClasses) {
                report_wrong_free(blocks[i++], "the block is free already");
                continue;
            }
            if (class_number > kSmallClasses) {
                free_run(blocks[i++]);
                continue;
            }
            to_span.turn_to(reinterpret_cast<Span*>(page_map::span_in(entry)));
        }
        i += to_span.put(blocks + i, count - i);
    }
    to_span.finish();
    emptied.free_all();
}

namespace {

void mark_run(const void* block, std::size_t size, unsigned owner) {
    const unsigned class_number = size <= kMostCached ? class_of_size(size) : kLarge;
    page_map::set_entry(static_cast<const char*>(block) + kPage,
                        page_map::make_entry(owner, size / kPage << 6, kRunLength));
    page_map::set_entry(block, page_map::make_entry(owner, 0, class_number));
}

void unmark_run(const void* block) {
    page_map::set_entry(block, 0);
    page_map::set_entry(static_cast<const char*>(block) + kPage, 0);
}

void count_run(unsigned owner, std::ptrdiff_t bytes) {
    if (memkind* const kind = kind_in_slot(owner - 1); kind != nullptr)
        __atomic_fetch_add(&kind->run_bytes, static_cast<std::size_t>(bytes), __ATOMIC_RELAXED);
}

}  // namespace

void* allocate_run(Shard* shard, std::size_t size, int flags) {
    REQUIRES(size > kMostSmall);
    void* const block = terrace_je_mallocx(size, flags | arena_flag(shard->arena) | kTcacheNone);
    if (block == nullptr)
        return nullptr;
    const std::size_t usable = terrace_je_sallocx(block, 0);
    const unsigned owner = owner_at(block, shard->kind);
    mark_run(block, usable, owner);
    count_run(owner, static_cast<std::ptrdiff_t>(usable));
    return block;
}

void free_run(void* block) {
    if (reinterpret_cast<std::uintptr_t>(block) % kPage != 0)
        return report_wrong_free(block, "not the start of a block");
    const unsigned owner = page_map::owner_in(page_map::entry_of(block));
    const std::size_t size = size_of_run(block);
    unmark_run(block);
    count_run(owner, -static_cast<std::ptrdiff_t>(size));
    terrace_je_dallocx(block, kTcacheNone);
}

bool resize_run(void* block, std::size_t size) {
    REQUIRES(size > kMostCached);
    const std::size_t before = size_of_run(block);
    const std::size_t after = terrace_je_xallocx(block, size, 0, 0);
    if (after != before) {
        const unsigned owner = page_map::owner_in(page_map::entry_of(block));
        mark_run(block, after, owner);
        count_run(owner, static_cast<std::ptrdiff_t>(after - before));
    }
    return after >= size;
}

std::size_t size_of_run(const void* block) {
    const Entry second = page_map::entry_of(static_cast<const char*>(block) + kPage);
    return (page_map::span_in(second) >> 6) * kPage;
}

void give_free_memory_back(Shard* shard) {
    for (Shard::Bin& bin : shard->bins) {
        shard->lock.lock();
        Span* const spare = bin.spare;
        void* const pages = spare == nullptr ? nullptr : spare->base;
        if (spare != nullptr) {
            bin.spare = nullptr;
            forget_span(shard, spare);
        }
        shard->lock.unlock();
        if (pages != nullptr)
            terrace_je_dallocx(pages, kTcacheNone);
    }
    purge_arena(shard->kind, shard->arena);
}

void* better_place_for(const void* block) {
    const Entry entry = page_map::entry_of(block);
    Span* const span = reinterpret_cast<Span*>(page_map::span_in(entry));
    const unsigned class_number = page_map::class_in(entry);
    if (span == nullptr || class_number == 0 || class_number > kSmallClasses)
        return nullptr;
    Shard* const shard = span->shard;
    LockGuard guard(shard->lock);
    Shard::Bin& bin = shard->bins[class_number];
    const unsigned blocks = span->its_class().blocks;
    // Fuller than the average: leave it. The average is live / span_count.
    if (span->free_count == 0 || std::uint64_t{blocks - span->free_count} * bin.span_count > bin.live)
        return nullptr;
    Span* fullest = nullptr;
    unsigned looked_at = 0;
    for (Span* other = bin.partial; other != nullptr && looked_at < 64; other = other->next, ++looked_at)
        if (other != span && other->free_count < span->free_count &&
            (fullest == nullptr || other->free_count < fullest->free_count))
            fullest = other;
    if (fullest == nullptr)
        return nullptr;
    void* place = nullptr;
    bin.live += fullest->take(&place + 1, 1);
    if (fullest->free_count == 0)
        take_from_list(bin, fullest);
    return place;
}

}  // namespace terrace::kinds
