#include "tests/persist/states/world.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <map>

namespace terrace::persist::states {
namespace {

// A state is a sequence of items: what it is, a number or two, and bytes.
struct Item {
    uint64_t offset;  // in the file; 0: the root's
    uint64_t type;
    uint64_t usable;
    uint64_t bytes;
};

void append(std::string& state, const Item& item, const void* content) {
    state.append(reinterpret_cast<const char*>(&item), sizeof item);
    state.append(static_cast<const char*>(content), item.bytes);
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

std::map<uint64_t, std::pair<Item, std::string>> parse(const std::string& state) {
    std::map<uint64_t, std::pair<Item, std::string>> items;
    for (size_t at = 0; at + sizeof(Item) <= state.size();) {
        Item item;
        memcpy(&item, state.data() + at, sizeof item);
        at += sizeof item;
        items[item.offset] = {item, state.substr(at, item.bytes)};
        at += item.bytes;
    }
    return items;
}

std::string name_of(const Item& item) {
    return item.offset == 0 ? "the root" : text("the object at 0x%llx", number(item.offset));
}

uint64_t content_bytes(const Object* object, uint64_t type, uint64_t usable) {
    if (type == kRaw)
        return 0;
    if (type == kText)
        return std::min(strnlen(reinterpret_cast<const char*>(object), usable) + 1, usable);
    if (type == kWideText) {
        const uint64_t most = usable / sizeof(wchar_t);
        return std::min(wcsnlen(reinterpret_cast<const wchar_t*>(object), most) + 1, most) * sizeof(wchar_t);
    }
    return std::min(object->bytes, usable);
}

// A copy of a pool may get an identity of its own, and all names in it with it; that is no other state.
void hide_identity(std::string& state, uint64_t identity) {
    constexpr uint64_t kNameless = 0x1D1D1D1D1D1D1D1D;
    for (char *at = state.data(), *const end = at + state.size();;) {
        at = static_cast<char*>(memmem(at, static_cast<size_t>(end - at), &identity, sizeof identity));
        if (at == nullptr)
            return;
        memcpy(at, &kNameless, sizeof kNameless);
        at += sizeof kNameless;
    }
}

}  // namespace

Root* root_of(PMEMobjpool* pool) {
    return static_cast<Root*>(pmemobj_direct(pmemobj_root(pool, 0)));
}

std::string state_of(PMEMobjpool* pool, size_t part) {
    std::string state;
    const size_t root_bytes = pmemobj_root_size(pool);
    if (root_bytes >= sizeof(Root)) {
        const Root* const root = root_of(pool);
        append(state, {0, part == 0 ? root_bytes : 0, 0, sizeof(Part)}, &root->parts[part]);
        if (part == 0) {
            for (uint64_t i = 0; i < 2; ++i)
                append(state, {1 + i, 0, 0, sizeof(PMEMoid)}, &root->lists[i].first);
            append(state, {3, 0, 0, sizeof(PMEMoid)}, &root->loose);
        }
    } else if (part == 0) {
        append(state, {0, root_bytes, 0, 0}, "");
    }
    for (PMEMoid oid = pmemobj_first(pool); !OID_IS_NULL(oid); oid = pmemobj_next(oid)) {
        const uint64_t type = pmemobj_type_num(oid);
        if (type / 100 != part)
            continue;
        const uint64_t usable = pmemobj_alloc_usable_size(oid);
        const auto* object = static_cast<const Object*>(pmemobj_direct(oid));
        const uint64_t bytes = content_bytes(object, type, usable);
        append(state, {oid.off, type, usable, bytes}, object);
    }
    if (root_bytes >= sizeof(Root))
        hide_identity(state, pmemobj_root(pool, 0).pool_uuid_lo);
    return state;
}

std::string explain_difference(const std::string& found, const std::string& expected) {
    const auto is = parse(found);
    const auto should = parse(expected);
    for (const auto& [offset, item] : should) {
        const auto same = is.find(offset);
        if (same == is.end())
            return name_of(item.first) + " is missing";
        const auto& [description, content] = same->second;
        if (description.type != item.first.type || description.usable != item.first.usable ||
            description.bytes != item.first.bytes)
            return name_of(item.first) +
                   text(" has type %llu, %llu of %llu bytes; expected type %llu, %llu of %llu",
                        number(description.type), number(description.bytes), number(description.usable),
                        number(item.first.type), number(item.first.bytes), number(item.first.usable));
        for (size_t at = 0; at < content.size(); at += kWord) {
            uint64_t a = 0, b = 0;
            memcpy(&a, content.data() + at, std::min<size_t>(kWord, content.size() - at));
            memcpy(&b, item.second.data() + at, std::min<size_t>(kWord, content.size() - at));
            if (a != b)
                return name_of(item.first) +
                       text(" holds 0x%llx at byte %zu, expected 0x%llx", number(a), at, number(b));
        }
    }
    for (const auto& [offset, item] : is) {
        if (should.count(offset) == 0)
            return name_of(item.first) + " should not exist";
    }
    return "no difference";
}

std::string find_leak(PMEMobjpool* pool) {
    std::map<uint64_t, int> named;
    if (pmemobj_root_size(pool) >= sizeof(Root)) {
        Root* const root = root_of(pool);
        const auto name = [&](const PMEMoid& oid) {
            if (!OID_IS_NULL(oid))
                ++named[oid.off];
        };
        for (const Part& part : root->parts)
            std::for_each(part.slots, part.slots + kSlots, name);
        std::for_each(root->scratch_slots, root->scratch_slots + 4, name);
        name(root->loose);
        for (const ListHead& list : root->lists) {
            PMEMoid node = list.first;
            for (int i = 0; !OID_IS_NULL(node) && (i == 0 || node.off != list.first.off); ++i) {
                name(node);
                if (i > 1000)
                    return "a list does not come back to its first node";
                const PMEMoid next = static_cast<ListNode*>(pmemobj_direct(node))->entry.next;
                if (static_cast<ListNode*>(pmemobj_direct(next))->entry.previous.off != node.off)
                    return text("list node 0x%llx is not the one before its next", number(node.off));
                node = next;
            }
        }
    }
    for (PMEMoid oid = pmemobj_first(pool); !OID_IS_NULL(oid); oid = pmemobj_next(oid)) {
        const uint64_t type = pmemobj_type_num(oid);
        const auto found = named.find(oid.off);
        if (found == named.end() && type != kUnreferenced)
            return text("the object of type %llu at 0x%llx is named nowhere: it leaked", number(type),
                        number(oid.off));
        if (found != named.end() && found->second != 1)
            return text("the object at 0x%llx is named %d times", number(oid.off), found->second);
        if (found != named.end())
            named.erase(found);
    }
    if (!named.empty())
        return text("the object at 0x%llx is named, but does not exist", number(named.begin()->first));
    return "";
}

void fill(Object* object, size_t bytes, uint64_t tag) {
    object->bytes = bytes;
    for (size_t i = 0; (i + 2) * kWord <= bytes; ++i)
        object->words[i] = (tag + 1) * 0x9E3779B97F4A7C15u + i;
}

World::World(std::string path, Granularity granularity, size_t parts, uint64_t seed)
    : path_(std::move(path)),
      granularity_(granularity),
      parts_(parts),
      seed_(seed),
      recorder_(path_, granularity, [this] { return expectation(); }) {
    unlink(path_.c_str());
    loose_contents_.emplace_back();
    std::string none;
    append(none, {0, 0, 0, 0}, "");
    states_[0].push_back(none);
    for (size_t part = 1; part < kParts; ++part)
        states_[part].emplace_back();
}

World::~World() {
    unlink(path_.c_str());
}

void World::open_or_create_failed(const char* what) {
    fprintf(stderr, "%s: %s: %s\n", path_.c_str(), what, pmemobj_errormsg());
    abort();
}

void World::create(size_t bytes) {
    pool = pmemobj_create(path_.c_str(), kLayout, bytes, 0600);
    if (pool == nullptr)
        open_or_create_failed("create");
    is_pool_promised_ = true;
    recorder_.mappings_changed();
}

void World::open() {
    pool = pmemobj_open(path_.c_str(), kLayout);
    if (pool == nullptr)
        open_or_create_failed("open");
    recorder_.mappings_changed();
}

void World::close() {
    pmemobj_close(pool);
    pool = nullptr;
    recorder_.mappings_changed();
}

void World::start_recording() {
    is_recording_ = true;
    recorder_.start();
}

Trace World::finish_recording() {
    is_recording_ = false;
    return recorder_.finish();
}

void World::done(const std::string& what, size_t part) {
    {
        std::string state = state_of(pool, part);
        const std::lock_guard guard(mutex_);
        if (!is_recording_) {
            states_[part].clear();
            promised_[part] = 0;
        }
        states_[part].push_back(std::move(state));
        promised_[part] = states_[part].size() - 1;
        is_idle_[part] = true;
    }
    if (is_recording_)
        recorder_.mark("'" + what + "'");
    recorder_.operation_is("what follows '" + what + "'");
    const std::lock_guard guard(mutex_);
    is_idle_[part] = false;
}

void World::may_be_durable(size_t part) {
    std::string state = state_of(pool, part);
    const std::lock_guard guard(mutex_);
    states_[part].push_back(std::move(state));
}

std::string World::loose_content() const {
    return {loose(), pmemobj_alloc_usable_size(root()->loose)};
}

void World::make_loose(size_t bytes) {
    if (pmemobj_zalloc(pool, &root()->loose, bytes, kRaw) != 0)
        open_or_create_failed("make_loose");
    loose_contents_.assign(1, loose_content());
    loose_promised_ = 0;
}

void World::change_loose(size_t at, const std::string& content, const std::function<void()>& store) {
    {
        const std::lock_guard guard(mutex_);
        loose_contents_.push_back(loose_contents_.back());
        loose_contents_.back().replace(at, content.size(), content);
    }
    store();
}

void World::loose_is_durable() {
    const std::lock_guard guard(mutex_);
    loose_promised_ = loose_contents_.size() - 1;
}

Expectation World::expectation() {
    const std::lock_guard guard(mutex_);
    Expectation expected;
    expected.is_pool_promised = is_pool_promised_;
    for (size_t part = 0; part < parts_; ++part)
        expected.parts.push_back({promised_[part], states_[part].size() - (is_idle_[part] ? 1 : 0)});
    expected.loose = {loose_promised_, loose_contents_.size() - 1};
    return expected;
}

}  // namespace terrace::persist::states
