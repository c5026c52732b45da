// leave COUNT SIZE: leaves COUNT blocks of SIZE bytes allocated at its end, for the report to count.
#include "probe.h"

int main(int count, char** arguments) {
    CHECK(count == 3);
    static void* volatile keep;
    for (int i = atoi(arguments[1]); i > 0; --i)
        keep = malloc(strtoull(arguments[2], nullptr, 10));
    return keep == nullptr;
}
