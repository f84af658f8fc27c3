/* store_volumes: volumes of pods, for the store's own files. */
#pragma once

#include "picture/store.h"

void gs_store_volumes_init(struct gs_store_volumes *volumes);
void gs_store_volumes_done(struct gs_store_volumes *volumes);

/* The pod's own constraint may be another now. GS_NO_MEMORY. */
int gs_store_volumes_fold(struct gs_store_waiting *waiting, struct gs_err *err);

/* Claims that pods of the namespace may share; their hashes behind `wants`, where there is room. */
unsigned gs_store_count_claims(const struct gs_kubepod *read);
void gs_store_put_claims(struct gs_store_pod *pod, const struct gs_kubepod *read);
