/* progress: one line on stderr that says what takes so long, for the one who waits.
 *
 * It comes when a command has run for a second, is written anew each second, and is wiped away
 * before anything else is written. Only where stderr is a terminal (and no dumb one); elsewhere all
 * of this does nothing. A timer's signal writes it, so that whoever works need not know; what waits
 * must take EINTR. */
#pragma once

/* Begins to count. `command` and every `phase` must live until the end. */
void gs_progress_start(const char *command);

/* What is done from now on, "planning"; at most 60 bytes are shown. */
void gs_progress_phase(const char *phase);

/* The same of a text that does not live on. */
void gs_progress_phase_copy(const char *phase);

/* Wipes the line away, so that another may be written; it comes again with the next second. */
void gs_progress_clear(void);

/* Stops and wipes the line away; fine when nothing was started. */
void gs_progress_end(void);
