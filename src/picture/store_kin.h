/* store_kin: what bound pods of one owner have in common, kept where they may be moved. A pod that
 * takes the place of one of them asks for the same. Of store*.c only. */
#pragma once

#include "picture/store.h"

/* The pod that was read belongs to it from now on. NULL where it may not be moved, or *ret_failed:
 * there was no memory. */
struct gs_store_kin *gs_store_kin_of(struct gs_store *store, const struct gs_kubepod *read,
                                     const struct gs_kubewait *wait, bool *ret_failed);

/* One pod of it goes; `kin` may be NULL. */
void gs_store_kin_leave(struct gs_store *store, struct gs_store_kin *kin);

void gs_store_kins_done(struct gs_store *store);
