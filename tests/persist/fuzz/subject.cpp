#include "tests/persist/fuzz/subject.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <random>

namespace terrace::persist::fuzz {
namespace {

constexpr size_t kSlots = 120;

struct Root {
    uint64_t marker;
    uint64_t words[500];
    PMEMoid slots[kSlots];
};

std::string read_file(const std::string& path) {
    std::string bytes;
    if (FILE* file = fopen(path.c_str(), "rbe"); file != nullptr) {
        char buffer[1 << 16];
        for (size_t got; (got = fread(buffer, 1, sizeof buffer, file)) > 0;)
            bytes.append(buffer, got);
        fclose(file);
    }
    return bytes;
}

void require(bool is_true, const char* what) {
    if (is_true)
        return;
    fprintf(stderr, "%s: %s\n", what, pmemobj_errormsg());
    abort();
}

std::string text(const char* format, ...) __attribute__((format(printf, 1, 2)));
std::string text(const char* format, ...) {
    char buffer[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    return buffer;
}

unsigned long long number(uint64_t value) {
    return value;
}

// Small ones of a few sizes and types, large ones, enough types that some share slabs.
void fill_pool(PMEMobjpool* pool, Root* root, std::mt19937_64& random) {
    for (size_t i = 0; i < kSlots; ++i) {
        const size_t bytes = i % 12 == 0 ? 5000 + random() % 60000 : i % 3 == 0 ? 200 + random() % 3000 : 64;
        TX_BEGIN(pool) {
            pmemobj_tx_add_range_direct(&root->slots[i], sizeof(PMEMoid));
            root->slots[i] = pmemobj_tx_zalloc(bytes, i % 24);
            auto* words = static_cast<uint64_t*>(pmemobj_direct(root->slots[i]));
            for (size_t word = 0; word < bytes / 8; ++word)
                words[word] = random();
        }
        TX_ONABORT {
            require(false, "filling the pool");
        }
        TX_END
    }
    for (size_t i = 5; i < kSlots; i += 10)
        pmemobj_free(&root->slots[i]);
}

// The log is where the file changed below the heap. Records are whole lines, whose last bytes may be what was there.
void find_record(const std::string& before, const std::string& after, Subject::Transaction& transaction) {
    transaction.record_begin = transaction.record_end = 0;
    for (uint64_t at = kLogBegin; at < kLogEnd; ++at) {
        if (before[at] == after[at])
            continue;
        if (transaction.record_begin == 0)
            transaction.record_begin = at / 64 * 64;
        transaction.record_end = at / 64 * 64 + 64;
    }
    require(transaction.record_begin != 0, "no record was written");
}

}  // namespace

bool Contents::has_in_object(uint64_t offset, uint64_t bytes) const {
    auto object = objects.upper_bound(offset);
    if (object == objects.begin())
        return false;
    --object;
    return offset + bytes <= object->first + object->second.bytes.size();
}

Contents read_contents(PMEMobjpool* pool) {
    Contents contents;
    const auto add = [&](const PMEMoid& oid, uint64_t bytes) {
        contents.objects[oid.off] = {pmemobj_type_num(oid),
                                     {static_cast<const char*>(pmemobj_direct(oid)), bytes}};
    };
    const size_t root_bytes = pmemobj_root_size(pool);
    if (root_bytes != 0) {
        const PMEMoid root = pmemobj_root(pool, 0);
        contents.root_offset = root.off;
        if (!OID_IS_NULL(root))
            add(root, root_bytes);
    }
    for (PMEMoid oid = pmemobj_first(pool); !OID_IS_NULL(oid); oid = pmemobj_next(oid))
        add(oid, pmemobj_alloc_usable_size(oid));
    return contents;
}

std::string compare(const Contents& found, const Contents& expected, const MayDiffer& may_differ) {
    if (found.root_offset != expected.root_offset)
        return text("the root object is at 0x%llx, expected at 0x%llx", number(found.root_offset),
                    number(expected.root_offset));
    for (const auto& [offset, object] : expected.objects) {
        const auto same = found.objects.find(offset);
        if (same == found.objects.end())
            return text("the object at 0x%llx is lost", number(offset));
        if (same->second.type != object.type)
            return text("the object at 0x%llx has type %llu, expected %llu", number(offset),
                        number(same->second.type), number(object.type));
        const std::string& bytes = same->second.bytes;
        if (bytes.size() != object.bytes.size())
            return text("the object at 0x%llx has %zu bytes, expected %zu", number(offset), bytes.size(),
                        object.bytes.size());
        if (bytes == object.bytes)
            continue;
        for (size_t i = 0; i < bytes.size(); ++i) {
            if (bytes[i] != object.bytes[i] && !may_differ(offset + i))
                return text("byte %zu of the object at 0x%llx is another", i, number(offset));
        }
    }
    for (const auto& [offset, object] : found.objects) {
        if (expected.objects.count(offset) == 0)
            return text("the object at 0x%llx should not exist", number(offset));
    }
    return "";
}

std::string compare_mixed(const Contents& found, const std::vector<Contents>& times,
                          const MayDiffer& may_differ) {
    for (const auto& [offset, object] : times.front().objects) {
        const bool is_always = std::all_of(times.begin(), times.end(), [at = offset](const Contents& time) {
            return time.objects.count(at) != 0;
        });
        if (is_always && found.objects.count(offset) == 0)
            return text("the object at 0x%llx is lost", number(offset));
    }
    for (const auto& [offset, object] : found.objects) {
        std::vector<const std::string*> contents;
        for (const Contents& time : times) {
            if (const auto then = time.objects.find(offset); then != time.objects.end())
                contents.push_back(&then->second.bytes);
        }
        if (contents.empty())
            return text("the object at 0x%llx should not exist", number(offset));
        if (*contents.front() == object.bytes)
            continue;
        for (size_t i = 0; i < object.bytes.size(); ++i) {
            const char byte = object.bytes[i];
            const bool was_there = std::any_of(
                contents.begin(), contents.end(),
                [&](const std::string* content) { return i < content->size() && (*content)[i] == byte; });
            if (!was_there && !may_differ(offset + i))
                return text("byte %zu of the object at 0x%llx is another", i, number(offset));
        }
    }
    return "";
}

Subject make_subject(const std::string& path, bool is_page_granularity, bool is_closed, uint64_t seed) {
    setenv("PMEM2_FORCE_GRANULARITY", is_page_granularity ? "PAGE" : "CACHE_LINE", 1);
    unlink(path.c_str());
    std::mt19937_64 random(seed);
    PMEMobjpool* pool = pmemobj_create(path.c_str(), kLayout, PMEMOBJ_MIN_POOL, 0600);
    require(pool != nullptr, "create");
    auto* root = static_cast<Root*>(pmemobj_direct(pmemobj_root(pool, sizeof(Root))));
    require(root != nullptr, "root");
    fill_pool(pool, root, random);
    pmemobj_close(pool);

    Subject subject;
    pool = pmemobj_open(path.c_str(), kLayout);
    require(pool != nullptr, "open");
    root = static_cast<Root*>(pmemobj_direct(pmemobj_root(pool, 0)));
    for (uint64_t round = 1; round <= 30; ++round) {
        Subject::Transaction transaction;
        transaction.before = read_contents(pool);
        const std::string file_before = read_file(path);
        TX_BEGIN(pool) {
            pmemobj_tx_add_range_direct(&root->marker, sizeof root->marker);
            root->marker = round;
            for (size_t i = 0; i < 20; ++i) {
                uint64_t* const word = &root->words[random() % 500];
                pmemobj_tx_add_range_direct(word, sizeof *word);
                *word = random();
            }
            PMEMoid* const slot = &root->slots[round];
            pmemobj_tx_add_range_direct(slot, sizeof *slot);
            if (!OID_IS_NULL(*slot))
                pmemobj_tx_free(*slot);
            *slot = pmemobj_tx_zalloc(48 + round % 4 * 300, round % 7);
        }
        TX_ONABORT {
            require(false, "changing the pool");
        }
        TX_END
        find_record(file_before, read_file(path), transaction);
        subject.last.push_back(std::move(transaction));
    }
    subject.contents = read_contents(pool);
    subject.is_closed = is_closed;
    subject.is_page_granularity = is_page_granularity;
    subject.name =
        std::string(is_page_granularity ? "page" : "cache line") + (is_closed ? ", closed" : ", crashed");
    if (!is_closed)
        subject.file = read_file(path);
    pmemobj_close(pool);
    if (is_closed)
        subject.file = read_file(path);
    unlink(path.c_str());
    return subject;
}

}  // namespace terrace::persist::fuzz
