// An extent source is what a kind is made of: it turns reserved addresses of the kind's windows into memory,
// and gives memory back to wherever it came from. A new kind of memory is a new source, one file. Thread
// safety: the kind calls its source under the kind's growth lock, one call at a time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "src/numa_policy.hpp"

namespace terrace::kinds {

// That the system refused a source memory: for statistics, and for those who have memory elsewhere.
struct SourceFailure {
    const char* what;  // what could not be done the last time; nullptr: it never failed
    int error;         // its errno
    bool is_lasting;   // the medium itself is broken: what is mapped may be lost, too
    std::uint64_t times;
};

class ExtentSource {
  public:
    // Makes [address, address + size) usable, and zeroed unless maps_zeroed() says otherwise. Addresses are
    // page-aligned and were reserved, never mapped. Returns false when there is no more of this memory; the
    // range is then reserved as before.
    [[nodiscard]] virtual bool map(char* address, std::size_t size) = 0;

    [[nodiscard]] virtual bool maps_zeroed() const { return true; }

    // Gives the pages back while the range stays usable; it reads as zeros afterwards. False: cannot, did nothing.
    [[nodiscard]] virtual bool purge(char*, std::size_t) { return false; }

    // Gives the storage back; the range must not be touched before commit() brings storage for it, zeroed.
    // decommit false: cannot, did nothing. commit false: no more memory, the range stays decommitted.
    [[nodiscard]] virtual bool decommit(char*, std::size_t) { return false; }
    [[nodiscard]] virtual bool commit(char*, std::size_t) { return true; }

    // Around a fork, with every growth lock held: parent and child must not see each other's later stores.
    virtual void before_fork() {}

    // 0, or the MEMKIND_ERROR_* number that tells why there is no such memory on this machine.
    [[nodiscard]] virtual int availability() { return 0; }

    // The size of the pages that the source maps. A window of the kind starts at a multiple of it, and the
    // first map() at the window's start; later ranges follow each other and need not be multiples of it.
    [[nodiscard]] virtual std::size_t page_size() const { return 4096; }

    // The most bytes that there are of this memory, used or not; 0 when nobody can tell.
    [[nodiscard]] virtual std::size_t capacity() { return 0; }

    // The nodes that the memory comes from (for a preferred policy: should come from); nullptr where the
    // process's own policy decides or the memory is in a file.
    [[nodiscard]] virtual const NodeSet* nodes() { return nullptr; }

    // Limits of ours are no failures. Any thread may ask, at any time, also in a signal handler.
    [[nodiscard]] virtual SourceFailure failure() const { return {}; }

    // The kind is gone and its windows are unmapped; frees what the source holds, itself included.
    virtual void dispose() {}

  protected:
    ~ExtentSource() = default;
};

}  // namespace terrace::kinds
