/* tty: the terminal as top has it: the whole window, keys as they are typed; and as it was before,
 * on every way out.
 *
 * Written with the escape sequences that every terminal of today knows (ECMA-48 and xterm's second
 * screen), without ncurses: top needs a dozen of them, and one place that says what a terminal is
 * sent. One at a time in a process, as signal handlers have to find it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/view.h"

/* Takes the terminal that stdout is. Handlers for the signals of a crash are put up too: they give
 * it back. GS_IO. */
int gs_tty_open(struct gs_err *err);

/* As it was before. May be called again; after a failed open too. */
void gs_tty_close(void);

/* Given back for a while (^Z), and taken again. */
void gs_tty_leave(void);
void gs_tty_enter(void);

/* To read keys from. -1: not open. */
int gs_tty_fd(void);

/* The window; 80 x 24 where the terminal does not know. */
void gs_tty_size(unsigned *ret_columns, unsigned *ret_rows);

/* Sends as much as the terminal takes now; how many bytes that was. GS_IO: it is gone. */
int gs_tty_send(struct gs_view bytes, size_t *ret_n, struct gs_err *err);
