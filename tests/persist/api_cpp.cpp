// The program of api_program.h as C++. See api_c.c.
// It is the same text, so that whatever compiles as C also compiles as C++,
// and does the same.
#include "tests/persist/api_program.h"
