// The public header, with its functions visible outside of the library.
#pragma once

#pragma GCC visibility push(default)
#include <libpmem2.h>
#pragma GCC visibility pop
