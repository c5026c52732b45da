# gdb: a program with threads, stopped, looked at, called into, and run to its end.
needs="gdb gcc" packages="gdb gcc"

run() {
    cat >program.c <<'C'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct node { int value; struct node *next; };
static struct node *list;
static int sum(const struct node *n) { return n ? n->value + sum(n->next) : 0; }
static void *thread(void *name) { return strdup(name); }
int main(void) {
    for (int i = 1; i <= 10; i++) { struct node *n = malloc(sizeof *n); n->value = i; n->next = list; list = n; }
    pthread_t t; void *name; pthread_create(&t, 0, thread, "thread"); pthread_join(t, &name);
    printf("%d %s\n", sum(list), (char *)name);
    return 3;
}
C
    gcc -g -O0 -pthread program.c -o program
    export HOME=$PWD DEBUGINFOD_URLS=
    tiered gdb -q -nx -batch -ex 'set print thread-events off' -ex 'set startup-with-shell off' -ex 'break sum if n == 0' -ex run \
        -ex 'bt -frame-arguments none' -ex 'print *list' -ex 'print list->next->value + 100' -ex delete -ex 'print sum(list->next->next)' \
        -ex 'info line main' -ex 'ptype struct node' -ex continue ./program 2>&1 |
        sed -E 's/0x[0-9a-f]+/ADDRESS/g; s/process [0-9]+/process N/'
}
