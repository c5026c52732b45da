// Memory in an unnamed file that grows: what memkind_create_pmem makes a kind of. Blocks are reserved before
// they are used, so that a full disk is an allocation that fails, never a SIGBUS; a decommitted range gives
// its blocks back.
//
// Fork. The extents are mapped shared, so that the file is their only home. A forked child would then write
// into its parent's memory; therefore the file is frozen before a fork: every extent in it is mapped private,
// in place, which copies nothing and loses no store, and both processes go on in a new file of their own.
// Blocks of a frozen file are never written or punched again, because the other process may read them; they
// go back to the file system when no process maps the file any more. Pages written after the fork are in DRAM
// until their extent is freed.
//
// The descriptor is kept out of the program's way, and looked at before each use: a program may close what it
// does not know (closefrom). Its memory stays mapped then, new extents go to a new file, and a fork copies
// what was lost.
//
// Failures. Whatever the system refuses leaves everything as it was, reserved addresses included, and is kept for
// failure(). A new file is made on the file system of the first one only: where another is mounted on the directory
// by now, or none any more, it would be made on memory that nobody chose.
#pragma once

#include <limits.h>
#include <sys/types.h>

#include <atomic>

#include "kinds/extent_source.hpp"

namespace terrace::kinds {

class FileSource final : public ExtentSource {
  public:
    // Makes a source over files in `directory`. `limit` in bytes, a multiple of 2 MiB, SIZE_MAX for none.
    // Returns nullptr with errno when no file can be made there.
    static FileSource* create(const char* directory, std::size_t limit);

    bool map(char* address, std::size_t size) override;
    bool decommit(char* address, std::size_t size) override;
    bool commit(char* address, std::size_t size) override;
    std::size_t capacity() override;  // the limit, or the size of the file system
    void before_fork() override;
    SourceFailure failure() const override;
    void dispose() override;

  private:
    // A run of addresses whose bytes lie at consecutive offsets of one file.
    struct Segment {
        char* address;
        std::size_t size;
        std::size_t offset;
        enum State : unsigned char {
            kShared,  // in the file that grows
            kLost,    // mapped shared, but the program has closed the file's descriptor
            kFrozen,  // private here, and in a file that another process may be mapping
        } state;

        std::size_t offset_of(const char* part) const {
            return offset + static_cast<std::size_t>(part - address);
        }
    };

    FileSource() = default;
    bool open_file();
    void notice_loss();
    bool note_failure(const char* what);  // with errno, which it keeps; returns false
    bool reserve_blocks(std::size_t offset, std::size_t size);
    bool map_at_end(char* address, std::size_t size);
    bool make_room_for_segment();
    bool add_segment(Segment segment);
    void remove_range(std::size_t index, char* address, std::size_t size);
    template <typename Action>
    bool for_each_part(char* address, std::size_t size, Action action);

    char directory_[PATH_MAX] = {};
    std::size_t limit_ = 0;
    std::size_t used_ = 0;  // bytes that have storage; used_ <= limit_
    int file_ = -1;         // the file that grows; -1 after a fork, until more is needed
    dev_t device_ = 0;      // who file_ is: its number may come to mean another file; the same for every file
    ino_t inode_ = 0;
    std::size_t file_end_ = 0;
    Segment* segments_ = nullptr;
    std::size_t segment_count_ = 0;
    std::size_t segment_room_ = 0;
    // The last failure; each is written by the thread that has the growth lock.
    std::atomic<const char*> failed_at_{nullptr};
    std::atomic<int> error_{0};
    std::atomic<bool> is_broken_{false};
    std::atomic<std::uint64_t> failures_{0};
};

}  // namespace terrace::kinds
