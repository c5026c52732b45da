// A growing piece of DRAM for one thread: pages from mmap, so that nothing here calls the program's malloc.
// What it holds is plain data; growing may move it.
// Thread safety: one owner.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace terrace::persist {

class GrowBuffer {
  public:
    constexpr GrowBuffer() = default;
    GrowBuffer(const GrowBuffer&) = delete;
    GrowBuffer& operator=(const GrowBuffer&) = delete;
    // No destructor: a transaction's buffers live across longjmp; their owner calls release().

    // Room for `bytes` more behind what is there; null when DRAM is short. Does not count as used yet.
    [[nodiscard]] char* room(size_t bytes) {
        if (!has_room(bytes)) [[unlikely]] {
            if (!grow(bytes))
                return nullptr;
        }
        return end_;
    }
    bool has_room(size_t bytes) const { return static_cast<size_t>(limit_ - end_) >= bytes; }
    void take(size_t bytes) { end_ += bytes; }

    char* data() { return data_; }
    const char* data() const { return data_; }
    char* end() { return end_; }
    const char* end() const { return end_; }
    size_t size() const { return static_cast<size_t>(end_ - data_); }
    void truncate(size_t size) { end_ = data_ + size; }

    // Empties it, and gives back what a rare large user left behind.
    void clear() {
        end_ = data_;
        if (capacity_ > kKept) [[unlikely]]
            release();
    }
    void release() {
        if (data_ != nullptr)
            munmap(data_, capacity_);
        data_ = end_ = limit_ = nullptr;
        capacity_ = 0;
    }

  private:
    static constexpr size_t kFirst = 64 << 10;
    static constexpr size_t kKept = 4 << 20;

    bool grow(size_t bytes) {
        const size_t used = size();
        if (bytes > SIZE_MAX / 4 || used > SIZE_MAX / 4)
            return false;
        size_t wanted = capacity_ == 0 ? kFirst : capacity_ * 2;
        while (wanted < used + bytes)
            wanted *= 2;
        void* moved = capacity_ == 0
                          ? mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                          : mremap(data_, capacity_, wanted, MREMAP_MAYMOVE);
        if (moved == MAP_FAILED)
            return false;
        data_ = static_cast<char*>(moved);
        end_ = data_ + used;
        limit_ = data_ + wanted;
        capacity_ = wanted;
        return true;
    }

    // Where it begins, where what is there ends, and where its room ends.
    char* data_ = nullptr;
    char* end_ = nullptr;
    char* limit_ = nullptr;
    size_t capacity_ = 0;
};

// The same for an array of plain structures.
template <class T>
class GrowArray {
  public:
    [[nodiscard]] bool push(const T& value) {
        char* place = buffer_.room(sizeof(T));
        if (place == nullptr) [[unlikely]]
            return false;
        memcpy(place, &value, sizeof(T));
        buffer_.take(sizeof(T));
        return true;
    }
    T* begin() { return reinterpret_cast<T*>(buffer_.data()); }
    T* end() { return reinterpret_cast<T*>(buffer_.end()); }
    const T* begin() const { return reinterpret_cast<const T*>(buffer_.data()); }
    const T* end() const { return reinterpret_cast<const T*>(buffer_.end()); }
    T& operator[](size_t i) { return begin()[i]; }
    T& back() { return end()[-1]; }  // without size(), which divides
    size_t size() const { return buffer_.size() / sizeof(T); }
    bool empty() const { return buffer_.size() == 0; }
    // A new element at the end, not initialised; null when DRAM is short.
    [[nodiscard]] T* add() {
        char* place = buffer_.room(sizeof(T));
        if (place != nullptr)
            buffer_.take(sizeof(T));
        return reinterpret_cast<T*>(place);
    }
    bool has_room(size_t count) const { return buffer_.has_room(count * sizeof(T)); }
    // The same in two steps: where it would be, and that it is there.
    [[nodiscard]] T* room_for_one() { return reinterpret_cast<T*>(buffer_.room(sizeof(T))); }
    void take_one() { take(1); }
    void take(size_t count) { buffer_.take(count * sizeof(T)); }
    void truncate(size_t count) { buffer_.truncate(count * sizeof(T)); }
    void remove_at(size_t i) {
        (*this)[i] = back();
        truncate(size() - 1);
    }
    void clear() { buffer_.clear(); }
    void release() { buffer_.release(); }

  private:
    GrowBuffer buffer_;
};

}  // namespace terrace::persist
