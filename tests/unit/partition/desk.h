/* desk: what tests of partition share: a machine in memory, layouts written as text, a folder for
 * lock and journal, and a reader of the machine that shares no code with what is tested. */
#pragma once

#include <stdbool.h>

#include "gpu/gpu_table.h"
#include "partition/apply.h"

/* A machine with MIG on. */
void desk_machine(struct gs_gpu_table *table, const char *model, unsigned count);

/* Cuts a GPU as "3g.20gb@4,1g.5gb@0(1c)" says, with calls of the port: "(1c,2c)" are its compute
 * instances, "(1c@2)" one at that start, "()" none; without, one that fills it. "!" behind a
 * compute instance, or behind all for the last one: a process is on it (pid 1000 and up). */
void desk_cut(struct gs_gpu_table *table, unsigned gpu, const char *layout);

/* What a GPU is cut into, in the same form, by start, read from the table itself. */
enum { DESK_TEXT_MAX = 512 };
const char *desk_read(const struct gs_gpu_table *table, unsigned gpu, char text[DESK_TEXT_MAX]);

/* The same with the starts of compute instances, by start: "3g.20gb@4(2c@0,1c@2)". */
const char *desk_read_inside(const struct gs_gpu_table *table, unsigned gpu,
                             char text[DESK_TEXT_MAX]);

/* The generation of what lies at a start, 0: nothing. Another slice there has another one. */
uint64_t desk_generation(const struct gs_gpu_table *table, unsigned gpu, unsigned start);

/* "3g.20gb=1,1c.3g.20gb=3" as a configuration asks for it. */
void desk_wish(struct gs_mig_wish *wish, const char *counts);

/* "3g.20gb@4,1g.5gb@0" as a checkpoint says it, for a model. */
void desk_state(struct gs_mig_state *state, const char *model, const char *layout);

/* A new folder below the build's temporary folder, and what is in it gone again. */
void desk_dir(char dir[64]);
void desk_dir_done(const char *dir);

/* Lines said, one behind the other, each with a newline. */
struct desk_lines {
    size_t used;
    char text[8192];
};
void desk_line(void *ctx, const char *line);
