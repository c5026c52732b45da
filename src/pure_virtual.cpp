// The C++ run-time support that abstract classes refer to. Ours, so that the libraries need no libstdc++.
#include "src/check.hpp"

extern "C" __attribute__((visibility("hidden"))) void __cxa_pure_virtual() {
    terrace::contract_broken("INVARIANT", "a pure virtual function is never called", __FILE__, __LINE__);
}
