/* judge: whether a plan can be carried out, by looking at what it says and at nothing else. */
#pragma once

#include "core/fleet/fleet.h"
#include "oracle/layouts.h"

/* What is judged now, for the message of a failure. */
extern char judge_case[120];
void judge_name(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Fails the test with the name of the case. */
#define JUDGE(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail_msg("%s: %s", judge_case, #condition);                                            \
        }                                                                                          \
    } while (0)

/* Every need is served, layouts can be cut and hold what is served, and cost what is said. */
void judge_pack(const struct gs_program_spec *spec, const struct gs_pack *pack);

/* Every item has a node (but for those that are said to have none), each node's amounts and GPUs
 * hold what it serves, limits are kept, and the cost is what is said. */
void judge_fleet(const struct gs_fleet_spec *spec, const struct gs_fleet *fleet);

/* Items of all kinds that the fleet leaves out. */
int64_t judge_unserved(const struct gs_fleet_spec *spec, const struct gs_fleet *fleet);
