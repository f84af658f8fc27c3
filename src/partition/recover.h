/* recover: what a killed run left is finished or undone, and said.
 *
 * The first thing that any command does that changes GPUs, under the lock. Table of what is done:
 * docs/internals/partition.md. */
#pragma once

#include "partition/perform.h"

/* Deals with DIR/journal, if there is one, and removes it. Says in one line what was found and
 * done. What can be neither finished nor undone is said too, and is no failure: what is asked next
 * starts from what the hardware has. Fails, and leaves the journal, where the journal or the GPU
 * cannot be read. */
int gs_recover(struct gs_gpus *gpus, const char *dir, const struct gs_say *say, struct gs_err *err);

/* Says what gs_recover would look at; changes nothing. */
int gs_recover_look(struct gs_gpus *gpus, const char *dir, const struct gs_say *say,
                    struct gs_err *err);

/* For commands that only read: says in one line that a run was killed and what comes of it. Nothing
 * where there is no journal, its run still goes on, or it cannot be read. Needs no lock. */
void gs_recover_notice(const char *dir, const struct gs_say *say);
