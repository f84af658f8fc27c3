/* gpu_table_read: the operations of gpu_read.h and gpu_watch.h on a table. Private to it. */
#pragma once

#include "gpu/gpu_table.h"

int gs_gpu_table_mig_device(void *impl, unsigned gpu, uint32_t gi, uint32_t ci,
                            struct gs_mig_device *ret, struct gs_err *err);
int gs_gpu_table_fabric(void *impl, unsigned gpu, struct gs_gpu_fabric *ret, struct gs_err *err);
int gs_gpu_table_readings(void *impl, unsigned gpu, struct gs_gpu_readings *ret,
                          struct gs_err *err);
int gs_gpu_table_read_slice(void *impl, unsigned gpu, uint32_t gi, uint64_t generation,
                            struct gs_slice_readings *ret, struct gs_err *err);
int gs_gpu_table_watch_open(void *impl, void **ret_watch, struct gs_err *err);
int gs_gpu_table_watch_next(void *impl, void *watch, unsigned limit_ms, struct gs_gpu_event *ret,
                            struct gs_err *err);
void gs_gpu_table_watch_close(void *impl, void *watch);
