// Is a pool that a worker was killed over exactly what the acknowledgements and the model allow?
// Answers in words: each fault found is one sentence.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "tests/crash/model.hpp"

namespace terrace::crash {

struct PoolModel {
    std::uint64_t seed = 0;
    std::array<ThreadModel, kThreads> threads;
    Balances balances;

    explicit PoolModel(std::uint64_t the_seed) : seed(the_seed) { balances.fill(kInitialBalance); }
};

// Advances the model to where each thread's durable sequence stands, and compares. An operation that was not
// finished and does not count itself may have happened or not; if it has, this finishes it by counting it in
// the pool. Returns the faults; empty means that all is well.
std::vector<std::string> verify(PMEMobjpool* pool, const Acknowledgements& told, PoolModel* model);

}  // namespace terrace::crash
