// Huge pages of the kernel's pool (hugetlbfs), of 2 MiB or 1 GiB. The pages of a range are reserved when it
// is mapped, so that a pool without pages is a refused request and never a SIGBUS.
#pragma once

#include "kinds/extent_source.hpp"

namespace terrace::kinds {

class HugeSource final : public ExtentSource {
  public:
    // A source of pages of `page_size` bytes: 2 MiB or 1 GiB. REQUIRES: nodes is not empty unless the policy
    // is kNone; the policy is not weighted. Returns nullptr with ENOMEM when there is no memory for it;
    // dispose() frees it.
    static HugeSource* create(std::size_t page_size, NodePolicy policy, const NodeSet& nodes);

    // Ranges need not be multiples of a page: a page is mapped with the first range that needs it.
    bool map(char* address, std::size_t size) override;

    // Gives the whole pages inside the range back to the pool; false where there are none.
    bool decommit(char* address, std::size_t size) override;
    bool commit(char* address, std::size_t size) override;

    std::size_t page_size() const override { return page_size_; }
    std::size_t capacity() override;
    const NodeSet* nodes() override { return policy_ == NodePolicy::kNone ? nullptr : &nodes_; }
    void dispose() override;

  private:
    // The most pages that can be given back at one time; beyond, they stay.
    static constexpr unsigned kMostGivenBack = 1U << 16;

    HugeSource(std::size_t page_size, NodePolicy policy, const NodeSet& nodes, char** given_back)
        : page_size_(page_size), policy_(policy), nodes_(nodes), given_back_(given_back) {}
    bool is_given_back(const char* page) const;
    bool fetch(char* from, char* to);
    char* map_pages(std::size_t size);
    bool place(char* pages, char* address, std::size_t size);

    std::size_t page_size_;
    NodePolicy policy_;
    bool unbound_ = false;  // the container forbids mbind
    NodeSet nodes_;
    // The pages mapped last: [first_, frontier_). A range that starts inside needs only what lies behind.
    char* first_ = nullptr;
    char* frontier_ = nullptr;
    // Pages that are reserved addresses only, sorted.
    char** given_back_;
    unsigned given_back_count_ = 0;
};

}  // namespace terrace::kinds
