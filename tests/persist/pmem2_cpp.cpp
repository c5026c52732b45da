#include "tests/persist/pmem2_program.h"
