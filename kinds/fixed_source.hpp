// Memory of the user's: what memkind_create_fixed makes a kind of. The heap's own records lie elsewhere, so
// that all of the buffer's whole pages are for the program. Nothing is given back before the kind is destroyed.
#pragma once

#include "kinds/extent_source.hpp"

namespace terrace::kinds {

class FixedSource final : public ExtentSource {
  public:
    // nullptr when there is no memory for the source itself. `capacity` in bytes, as the user gave it.
    static FixedSource* create(std::size_t capacity);

    bool map(char*, std::size_t) override { return true; }
    bool maps_zeroed() const override { return false; }
    std::size_t capacity() override { return capacity_; }
    void dispose() override;

  private:
    explicit FixedSource(std::size_t capacity) : capacity_(capacity) {}
    std::size_t capacity_;
};

}  // namespace terrace::kinds
