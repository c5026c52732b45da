#include "persist/flush/ranges.hpp"

#include <errno.h>
#include <stdlib.h>

#include "src/check.hpp"
#include "src/mutex.hpp"

namespace terrace::persist {
namespace {

// A list in the order of addresses. Programs map a few files and ask rarely: a tree would be more to read.
// INVARIANT: ranges are not empty and do not overlap.
struct Node {
    DurableRange range;
    Node* next;
};

Mutex list_lock;
Node* first = nullptr;

// Where the first range that ends after `address` is linked.
Node** link_after(std::uintptr_t address) {
    Node** link = &first;
    while (*link != nullptr && (*link)->range.end <= address)
        link = &(*link)->next;
    return link;
}

Node* new_node() {
    Node* const node = static_cast<Node*>(malloc(sizeof(Node)));
    if (node == nullptr)
        errno = ENOMEM;
    return node;
}

}  // namespace

bool remember_durable_range(const DurableRange& range) {
    REQUIRES(range.begin < range.end);
    Node* const node = new_node();
    if (node == nullptr)
        return false;
    LockGuard lock(list_lock);
    Node** const link = link_after(range.begin);
    INVARIANT(*link == nullptr || range.end <= (*link)->range.begin);
    *node = Node{range, *link};
    *link = node;
    return true;
}

bool forget_durable_range(std::uintptr_t begin, std::uintptr_t end) {
    LockGuard lock(list_lock);
    Node** link = link_after(begin);
    while (*link != nullptr && (*link)->range.begin < end) {
        Node* const node = *link;
        DurableRange& range = node->range;
        if (range.begin < begin && end < range.end) {
            Node* const rest = new_node();
            if (rest == nullptr)
                return false;
            *rest = Node{{end, range.end, range.medium, range.region}, node->next};
            range.end = begin;
            node->next = rest;
            return true;
        }
        if (range.begin < begin) {
            range.end = begin;
            link = &node->next;
        } else if (end < range.end) {
            range.begin = end;
            return true;
        } else {
            *link = node->next;
            free(node);
        }
    }
    return true;
}

bool is_durable(std::uintptr_t begin, std::uintptr_t end) {
    LockGuard lock(list_lock);
    std::uintptr_t covered = begin;
    for (const Node* node = *link_after(begin); node != nullptr && covered < end; node = node->next) {
        if (node->range.begin > covered)
            return false;
        covered = node->range.end;
    }
    return covered >= end;
}

bool first_durable_range(std::uintptr_t begin, std::uintptr_t end, DurableRange* found) {
    LockGuard lock(list_lock);
    const Node* const node = *link_after(begin);
    if (node == nullptr || node->range.begin >= end)
        return false;
    *found = node->range;
    return true;
}

}  // namespace terrace::persist
