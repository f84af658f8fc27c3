/* journal_text: records of the journal as bytes (docs/internals/partition.md). Private to it.
 * Pure. */
#pragma once

#include "partition/journal.h"

/* Puts a text into its frame; the bytes written, or -1: it does not fit. */
int gs_journal_frame(struct gs_view text, char *ret_bytes, size_t size);

/* Takes the next whole record off *bytes and gives its text. False: none; what is left is torn, or
 * was never written. */
bool gs_journal_unframe(struct gs_view *bytes, struct gs_view *ret_text);
