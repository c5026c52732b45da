// Linked with libmemtier and installed set-user-ID by privileged_test.sh: must run whatever the caller's
// environment says.
#include <sys/auxv.h>

#include "probe.h"

int main() {
    CHECK(getauxval(AT_SECURE) != 0);
    void* block = malloc(100);
    CHECK(block != NULL);
    free(block);
    puts("runs");
    return 0;
}
