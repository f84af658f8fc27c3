/* plan: what the files of `gpuslice plan` share.
 *
 *     plan/plan.c       the command: options, what goes with what, the order of things
 *     plan/demand.c     what is wanted: options and files into items and services
 *     plan/live.c       the pods, nodes and SlicePools of a cluster, for --cluster
 *     plan/services.c   services and what was measured of them
 *     plan/supply.c     what may be had: models, instance types, nodes that are there
 *     plan/notes.c      what of the input the plan does not look at, in sentences
 *     plan/steps.c      from what GPUs are cut into to what the plan wants
 *     plan/json.c       the plan as a tree; plan/problem.c and plan/proof.c its parts
 *     plan/table.c      the plan for people; plan/explain.c and cheaper.c why it is so
 *     plan/migparted.c  the plan as a file for mig-parted
 *     plan/verify.c     a plan that was written before, and its proof, checked */
#pragma once

#include "base/table.h"
#include "cli/cluster/link.h"
#include "cloud/offers.h"
#include "core/plan/plan.h"
#include "core/transition.h"
#include "term/options.h"
#include "term/output.h"
#include "wire/kubeplan.h"
#include "wire/servicefile.h"

#define GS_CMD_PLAN_NOT_GIVEN UINT64_MAX
#define GS_CMD_PLAN_MEMORY_MAX ((size_t)4 << 30)

/* The command line; see the table of options. */
struct gs_cmd_plan_args {
    struct gs_texts demand;
    struct gs_texts demand_file;
    const char *pods;
    const char *nodes;
    bool cluster;
    struct gs_link_args link;
    const char *services;
    const char *profiles_dir;
    const char *measured_on;
    struct gs_texts spare;

    struct gs_texts model;
    struct gs_texts instances;
    const char *region;
    const char *instances_file;
    const char *existing;

    const char *daemonset_cpu;
    const char *daemonset_memory;
    uint64_t daemonset_pods; /* GS_CMD_PLAN_NOT_GIVEN: not given */
    uint64_t max_pods;       /* likewise */

    bool quick;
    bool timing;
    bool explain;
    unsigned certificate; /* 0: yes, 1: no */
    const char *verify;
    unsigned format; /* enum gs_format, or GS_CMD_PLAN_FORMAT_MIGPARTED */
};
enum { GS_CMD_PLAN_FORMAT_MIGPARTED = GS_FORMATS };

/* An instance type that was asked for and is not planned with. */
struct gs_cmd_plan_excluded {
    const char *type;
    const char *reason;
};

/* Texts that grow in an arena. */
struct gs_cmd_plan_texts {
    const char **items;
    size_t n;
    size_t cap;
};

/* The question: what was asked, as the planner takes it. Lives in the arena. */
struct gs_cmd_plan_question {
    struct gs_arena *arena;
    const struct gs_cmd_plan_args *args;
    struct gs_cmd_plan_args *own;  /* the same: what a cluster says may be bought is put there */
    bool unreached;                /* the cluster did not answer, or not with yes */
    struct gs_gpu_names gpu_names; /* GPUs without MIG that the input may name */
    const struct gs_instance_entry *entries; /* --instances-file */
    size_t n_entries;
    struct gs_demand *demand;
    const struct gs_kubeplan_summary *cluster; /* --pods, --cluster; else NULL */
    struct gs_cmd_plan_excluded *excluded;
    size_t n_excluded;
    size_t cap_excluded;
    struct gs_cmd_plan_texts ignored;
    struct gs_cmd_plan_texts volumes; /* --cluster: where those of pods that wait are */
    const char *prices;               /* of which region, by whose word; NULL: as --region says */
    bool chosen_before; /* what the items take was chosen first: no bound of the plan holds */
    struct gs_plan_input input;
};

/* The answer. */
struct gs_cmd_plan_answer {
    struct gs_plan plan;
    uint64_t read_us; /* it took to read the input */
    uint64_t plan_us; /* it took to plan */
};

/* What an item is called: its own name, or what it asks for. Item numbers as in the plan: services
 * follow items. Never NULL; borrowed, or in the arena of the question. */
const char *gs_cmd_plan_item_name(const struct gs_cmd_plan_question *question, uint32_t item);

/* plan/demand.c: reads all that says what is wanted, --instances-file first, as it names GPUs.
 * Fills in demand, cluster, services and items. Errors name file and line. */
int gs_cmd_plan_read_demand(struct gs_cmd_plan_question *question, struct gs_err *err);

/* plan/live.c: --cluster, of the former: fills in cluster, and the instance types of SlicePools
 * and the region of prices where none were given. */
int gs_cmd_plan_read_live(struct gs_cmd_plan_question *question, struct gs_err *err);

/* After the supply too: makes few enough kinds of items for a plan of nodes, and notes what that
 * costs. GS_LIMIT: items differ in too many ways. GS_NO_MEMORY. */
int gs_cmd_plan_limit_kinds(struct gs_cmd_plan_question *question, struct gs_err *err);

/* plan/supply.c: models or offers, and existing nodes. After the demand: types of GPUs that it
 * names take part. GS_INFEASIBLE: of what was asked for nothing can be had. */
int gs_cmd_plan_read_supply(struct gs_cmd_plan_question *question, struct gs_err *err);

/* plan/services.c: after the supply, whose models say which slices can serve. For nodes the
 * services become items. GS_INFEASIBLE: no model can serve them. */
int gs_cmd_plan_read_services(struct gs_cmd_plan_question *question, struct gs_err *err);

/* plan/notes.c: adds to `ignored` what the plan, once made, did not look at. GS_NO_MEMORY. */
int gs_cmd_plan_note_ignored(struct gs_cmd_plan_question *question, const struct gs_plan *plan,
                             struct gs_err *err);
int gs_cmd_plan_note(struct gs_cmd_plan_question *question, struct gs_err *err, const char *fmt,
                     ...) __attribute__((format(printf, 3, 4)));

/* The same to `volumes`. */
int gs_cmd_plan_note_volume(struct gs_cmd_plan_question *question, struct gs_err *err,
                            const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* plan/json.c */
int gs_cmd_plan_write_document(const struct gs_cmd_plan_question *question,
                               const struct gs_cmd_plan_answer *answer, struct gs_err *err);
void gs_cmd_plan_put_layouts(struct gs_result *result, json_t *at,
                             const struct gs_plan_layout *layouts, size_t n);
void gs_cmd_plan_put_slices(struct gs_result *result, json_t *at, const struct gs_model *model,
                            const uint8_t *counts);

/* plan/problem.c */
void gs_cmd_plan_put_problem(struct gs_result *result, json_t *at,
                             const struct gs_cmd_plan_question *question,
                             const struct gs_plan *plan);

/* plan/proof.c: the certificate, or null. */
int gs_cmd_plan_put_proof(struct gs_result *result, json_t *at,
                          const struct gs_cmd_plan_question *question, const struct gs_plan *plan,
                          struct gs_err *err);

/* plan/steps.c: what has to be done to GPUs of a node that is there. */
struct gs_cmd_plan_change {
    unsigned gpu;
    bool whole; /* used uncut; no steps */
    struct gs_transition transition;
};

/* What a GPU of a node is cut into. */
void gs_cmd_plan_layout_of(const struct gs_existing_gpu *gpu, struct gs_layout *ret);

/* The changes of a node that takes something on; none where its layout is not known. Idle slices
 * that stand in nobody's way stay. In the arena of the question. GS_NO_MEMORY. */
int gs_cmd_plan_changes(const struct gs_cmd_plan_question *question,
                        const struct gs_plan_existing *existing,
                        const struct gs_cmd_plan_change **ret, size_t *ret_n, struct gs_err *err);

/* plan/table.c */

/* "$43.92"; what is under a dollar gets a third and fourth digit; negative amounts a sign. */
enum { GS_CMD_PLAN_DOLLARS_MAX = 40 };
void gs_cmd_plan_format_dollars(int64_t uusd, char ret_text[GS_CMD_PLAN_DOLLARS_MAX]);
int gs_cmd_plan_write_table(const struct gs_cmd_plan_question *question,
                            const struct gs_cmd_plan_answer *answer, struct gs_err *err);

/* plan/items.c: what each item runs on, and where; a cell with an item's name. */
int gs_cmd_plan_put_items(const struct gs_cmd_plan_question *question, const struct gs_plan *plan,
                          bool styled, struct gs_buf *out, struct gs_err *err);
void gs_cmd_plan_put_name(struct gs_table *table, const struct gs_cmd_plan_question *question,
                          uint32_t item);

/* plan/explain.c: appends why the plan is so and what would make it cheaper. */
int gs_cmd_plan_explain(const struct gs_cmd_plan_question *question, const struct gs_plan *plan,
                        struct gs_buf *out, struct gs_err *err);

/* plan/cheaper.c: the second half of it. */
int gs_cmd_plan_cheaper(const struct gs_cmd_plan_question *question, const struct gs_plan *plan,
                        struct gs_buf *out, struct gs_err *err);

/* plan/verify.c: --verify; returns the exit status. */
int gs_cmd_plan_verify(const char *path);

/* plan/migparted.c */
int gs_cmd_plan_write_migparted(const struct gs_cmd_plan_question *question,
                                const struct gs_cmd_plan_answer *answer, struct gs_err *err);
