// Advice of madvise that Linux 5.14 has and the headers of older systems have not: page faults now instead of later.
#pragma once

#include <sys/mman.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
