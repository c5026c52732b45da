/* SPDX-License-Identifier: BSD-2-Clause
 *
 * autohbw_api.h: a switch for libautohbw.so.0, the preload library that gives large allocations of an
 * unmodified program high-bandwidth memory (docs/autohbw.md). For programs that are linked with it
 * (-lautohbw) and want to leave a part of their work out.
 *
 * Both functions act on the whole process, from the next allocation of any thread on; they may be called from
 * any thread at any time, cost one store, and cannot fail. Blocks that exist stay where they are; one that is
 * resized goes where a new one would.
 */
#ifndef AUTOHBW_API_H
#define AUTOHBW_API_H

#ifdef __cplusplus
extern "C" {
#endif

/* Large allocations go to high-bandwidth memory again; so it is at the start. */
void enableAutoHBW(void);

/* Every allocation is ordinary memory (MEMKIND_DEFAULT) until enableAutoHBW(). */
void disableAutoHBW(void);

#ifdef __cplusplus
}
#endif
#endif
