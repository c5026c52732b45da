/* The program of api_program.h as C. The tests of libpmemobj.h are C++, and half of its macros differ between
 * the two languages. */
#include "tests/persist/api_program.h"
