/* gpu_table_rules: what the GPUs of a table do, without calls being counted, failed or hooked.
 *
 * Functions and errors as in gpu.h. Private to the table. */
#pragma once

#include "gpu/gpu_table.h"

bool gs_gpu_rules_can_place(const struct gs_gpu_table *table);
bool gs_gpu_rules_can_place_cis(const struct gs_gpu_table *table);

/* GS_UNSUPPORTED: a driver that is only looked at. */
int gs_gpu_rules_may_change(const struct gs_gpu_table *table, struct gs_err *err);

/* GS_NOT_FOUND: no such GPU. GS_IO, ENODEV: it is lost. */
int gs_gpu_rules_present(const struct gs_gpu_table *table, unsigned gpu, struct gs_err *err);

/* GS_NOT_FOUND: no such instance. GS_UNSUPPORTED: MIG is off. */
int gs_gpu_rules_find_gi(const struct gs_gpu_table *table, unsigned gpu, uint32_t gi,
                         struct gs_err *err);
int gs_gpu_rules_find_ci(const struct gs_gpu_table *table, unsigned gpu, uint32_t gi, uint32_t ci,
                         struct gs_err *err);

int gs_gpu_rules_get(const struct gs_gpu_table *table, unsigned gpu, struct gs_gpu *ret,
                     struct gs_err *err);
int gs_gpu_rules_profiles(const struct gs_gpu_table *table, unsigned gpu,
                          struct gs_gpu_profile *ret, unsigned *ret_n, struct gs_err *err);
int gs_gpu_rules_compute_profiles(const struct gs_gpu_table *table, unsigned gpu, uint32_t gi,
                                  struct gs_compute_profile *ret, unsigned *ret_n,
                                  struct gs_err *err);
int gs_gpu_rules_compute_places(const struct gs_gpu_table *table, unsigned gpu, uint32_t gi,
                                uint32_t profile_id, struct gs_compute_places *ret,
                                struct gs_err *err);
int gs_gpu_rules_create(struct gs_gpu_table *table, unsigned gpu, uint32_t profile_id,
                        uint32_t start, uint32_t size, struct gs_gpu_instance *ret,
                        struct gs_err *err);
int gs_gpu_rules_destroy(struct gs_gpu_table *table, unsigned gpu, uint32_t gi, struct gs_err *err);
int gs_gpu_rules_create_compute(struct gs_gpu_table *table, unsigned gpu, uint32_t gi,
                                uint32_t profile_id, uint32_t start, uint32_t size,
                                struct gs_compute_instance *ret, struct gs_err *err);
int gs_gpu_rules_destroy_compute(struct gs_gpu_table *table, unsigned gpu, uint32_t gi, uint32_t ci,
                                 struct gs_err *err);
int gs_gpu_rules_set_mode(struct gs_gpu_table *table, unsigned gpu, enum gs_mig_mode mode,
                          enum gs_mig_activation *ret, struct gs_err *err);
int gs_gpu_rules_reset(struct gs_gpu_table *table, const unsigned *gpus, unsigned n,
                       struct gs_err *err);
