/* proof: the certificate of a plan in the words of plan-format.md; used by the
 * proof files alone.
 *
 * Rows and columns are named by what they stand for, so that a checker builds the programs from the
 * problem and not from us. */
#pragma once

#include "cli/plan/plan.h"

/* One program whose proof is written. */
struct gs_cmd_plan_proof {
    struct gs_result *result;
    const struct gs_plan *plan;
    const struct gs_program_spec *spec;
    const struct gs_program *program;
    bool one_node; /* of one node of a shape: no model need be named */
    const struct gs_model *node_model;
    const int *row_numbers; /* a row of the program: its number in the output; -1: left out */
};

/* Fills in row_numbers. GS_NO_MEMORY. */
int gs_cmd_plan_number_rows(struct gs_cmd_plan_proof *proof, struct gs_arena *arena,
                            struct gs_err *err);

/* "rows", and "scale" and "tree" of the object `at`. */
void gs_cmd_plan_put_rows(const struct gs_cmd_plan_proof *proof, json_t *at);
void gs_cmd_plan_put_tree(const struct gs_cmd_plan_proof *proof, json_t *at,
                          const struct gs_ip_tree *tree);

/* One leaf of a tree with n_rows rows at the end of the array `at`. `row_numbers` NULL: as they
 * are. */
void gs_cmd_plan_put_leaf(struct gs_result *result, json_t *at, const struct gs_ip_tree *tree,
                          const struct gs_ip_node *leaf, const int *row_numbers, size_t n_rows);

/* plan/proof_fleet.c */
int gs_cmd_plan_put_fleet_proof(struct gs_result *result, json_t *at,
                                const struct gs_cmd_plan_question *question,
                                const struct gs_plan *plan, struct gs_err *err);
