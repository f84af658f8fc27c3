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

/* ---- for gpu_table_change.c ---- */

/* A GPU that is there and has MIG on. GS_UNSUPPORTED: it is off. */
int gs_gpu_rules_cut(const struct gs_gpu_table *table, unsigned gpu, struct gs_err *err);

/* Whether this driver has the profile. */
bool gs_gpu_rules_offer(const struct gs_gpu_table *table, const struct gs_profile *profile);

/* A kind of compute instance inside a GI. */
struct gs_gpu_ci_kind {
    unsigned slices; /* compute slices that it has */
    unsigned size;   /* compute slices that it takes */
    uint32_t sm_count;
};

/* Whether this driver has the kind of compute instances by this number in such a GI. */
bool gs_gpu_rules_offer_ci(const struct gs_gpu_table *table, const struct gs_model *model,
                           const struct gs_profile *gi, uint32_t profile,
                           struct gs_gpu_ci_kind *ret);
bool gs_gpu_rules_ci_may_start(uint32_t start, unsigned size, unsigned of_gi);

/* What is in these slots of the table. */
struct gs_gpu_instance gs_gpu_rules_read_gi(const struct gs_gpu_table_gpu *gpu, unsigned gi);
struct gs_compute_instance gs_gpu_rules_read_ci(const struct gs_gpu_table_gpu *gpu, unsigned gi,
                                                unsigned ci);
