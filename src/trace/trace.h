/* trace: workloads of the past, or drawn ones, as asks in the order of their arrival.
 *
 * Sans-I/O: bytes come from read callbacks, or are pushed in pieces of any size. gzip and tar are
 * seen by their first bytes and unpacked on the way. A trace of lines is streamed: it takes the
 * memory of GS_TRACE_REORDER_MAX asks, however long it is. Rows may be out of order by so many, so
 * that a shorter file may have any order. Formats that give samples or snapshots are held as
 * figures, with bounds of their own. docs/internals/traces.md.
 *
 * A row that cannot be used is told to gs_trace_options.bad with its line and the reason, and
 * counted by kind; none is dropped in silence. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/view.h"
#include "trace/ask.h"

enum {
    GS_TRACE_REORDER_MAX = 1 << 16, /* asks that wait until all before them must have come */
    GS_TRACE_LINE_MAX = 64 << 10,   /* bytes of one line */
    GS_TRACE_COUNT_MAX = 1 << 16,   /* equal pieces of work of one row */
    GS_TRACE_TEXTS_MAX = 1 << 14,   /* different profiles, kinds of work, GPUs, namespaces */
    GS_TRACE_INPUTS_MAX = 4,
    GS_TRACE_DRY_ROWS_MAX = 1 << 20 /* one after the other of which none can be used */
};
#define GS_TRACE_BYTES_MAX (1ull << 40) /* of one input, unpacked */
#define GS_TRACE_DRY_MAX (256ull << 20) /* bytes without a row that can be used */

/* What a format is read from. */
enum gs_trace_takes {
    GS_TRACE_TAKES_FILES,  /* FILE, or FILE,FILE up to max_files; "-" is stdin */
    GS_TRACE_TAKES_FOLDER, /* DIR, in which the files of `files` are */
    GS_TRACE_TAKES_TEXT    /* nothing: the text says all */
};

struct gs_trace_format {
    const char *name;    /* "openb" */
    const char *summary; /* one line, for people */
    const char *form;    /* what follows the colon, for people: "FILE" */
    bool drawn;          /* all or some of it, from gs_trace_options.seed */
    enum gs_trace_takes takes;
    unsigned max_files;
    const char *const *files; /* of a folder, in the order of the inputs; ends with NULL */
};

/* All of them, in the order of the documentation. */
const struct gs_trace_format *gs_trace_formats(size_t *ret_count);

/* "openb:FILE", "synthetic:rate=60/h,...": the format, and in *ret_rest what is behind the colon.
 * GS_INVALID: no such format; the text lists them. */
int gs_trace_spec_parse(struct gs_view spec, const struct gs_trace_format **ret_format,
                        struct gs_view *ret_rest, struct gs_err *err);

/* Where the bytes of one file come from. */
struct gs_trace_input {
    const char *label; /* for errors: the path, or "stdin" */
    /* Fills up to `size` bytes; *ret_n 0 is the end. 0 or a negative gs_code. NULL: the bytes
     * are pushed with gs_trace_feed. */
    int (*read)(void *ctx, void *bytes, size_t size, size_t *ret_n, struct gs_err *err);
    void *ctx;
};

/* Which moment of a piece of work counts as its arrival. */
enum gs_trace_at {
    GS_TRACE_AT_START,   /* when its trace started it; where that is not said, its creation */
    GS_TRACE_AT_CREATION /* when it was asked for; where that is not said, its start */
};

/* Why a row was not used. */
enum gs_trace_fault {
    GS_TRACE_FAULT_FORM,  /* not a row of this format: a field missing, too long, not readable */
    GS_TRACE_FAULT_TIME,  /* no time, or one after the other that should be before it */
    GS_TRACE_FAULT_SIZE,  /* an amount out of range, or two that contradict each other */
    GS_TRACE_FAULT_ORDER, /* arrives before one that has been handed out */
    GS_TRACE_FAULTS
};

/* In words: "not readable". */
const char *gs_trace_fault_text(enum gs_trace_fault fault);

struct gs_trace_options {
    const struct gs_trace_format *format;
    const struct gs_trace_input *inputs; /* in the order of the format's files */
    size_t n_inputs;
    struct gs_view text; /* of GS_TRACE_TAKES_TEXT: what is behind the colon */
    uint64_t seed;       /* of drawn traces */
    enum gs_trace_at at;
    int64_t now_us;    /* snapshots: the moment they were taken, since 1970; GS_TRACE_NO_TIME: the
                          latest moment that is found in them */
    uint64_t rows_max; /* rows of all inputs, of which some never end; 0: no such limit */
    const struct gs_alloc *alloc; /* NULL: the heap; must outlive the trace */
    /* Told of each row that is not used, "<label>:<line>: <reason>", those of GS_TRACE_BAD_MAX
     * first ones. NULL: nobody asks. */
    void (*bad)(void *ctx, const struct gs_err *err);
    void *bad_ctx;
};

enum { GS_TRACE_BAD_MAX = 20 };

struct gs_trace_totals {
    uint64_t input_rows; /* data rows, pods of a list, series, samples: used or not */
    uint64_t skipped_rows;
    uint64_t skipped[GS_TRACE_FAULTS]; /* of skipped_rows */
    uint64_t passed_over;              /* rows without a GPU that make no ask at all */
    uint64_t ask_rows;    /* of what was handed out. At the trace's end input_rows is the sum of
                             skipped_rows, passed_over and this */
    uint64_t asks;        /* handed out */
    uint64_t without_gpu; /* rows: passed over, or asks of 0 GPUs */
    uint64_t never_ran;   /* asks */
    uint64_t cut_off;
    int64_t first_arrive_us; /* GS_TRACE_NO_TIME before the first ask */
    int64_t first_end_us;    /* the earliest end of one that ran: what was observed begins here at
                                the latest (survivors); GS_TRACE_NO_TIME: none */
    int64_t last_end_us;     /* the trace's end; GS_TRACE_NO_TIME: none */
    uint64_t bytes;          /* read so far, before unpacking: for a progress bar */
};

struct gs_trace;

/* Copies `options`; what they point to must outlive the trace. GS_INVALID: the text of a drawn
 * trace, or another number of inputs than the format takes. GS_NO_MEMORY. */
int gs_trace_new(const struct gs_trace_options *options, struct gs_trace **ret, struct gs_err *err);
void gs_trace_free(struct gs_trace *trace);
static inline void gs_trace_freep(struct gs_trace **trace)
{
    gs_trace_free(*trace);
}

enum gs_trace_step {
    GS_TRACE_OVER = 0, /* no more asks */
    GS_TRACE_ASK = 1,  /* *ret is the next one */
    GS_TRACE_MORE = 2  /* bytes have to be pushed first; never where there are read callbacks */
};

/* An enum gs_trace_step, or a negative code after which nothing but gs_trace_free may follow:
 * GS_INVALID: it is not this format at all, gzip or tar is damaged or cut off, or rows came and not
 * one could be used. GS_LIMIT: a bound above. GS_NO_MEMORY. Else what a read callback gave. */
int gs_trace_next(struct gs_trace *trace, struct gs_trace_ask *ret, struct gs_err *err);

/* The next bytes of the input that is read, which must stay until gs_trace_next says
 * GS_TRACE_MORE again; `n` 0: that input has ended and the next one begins. */
void gs_trace_feed(struct gs_trace *trace, const void *bytes, size_t n);

/* Puts where the ask stands before the text, as for rows that are not used: "jobs.csv:7",
 * "pods.json: pod 7". Returns GS_INVALID. */
int gs_trace_wrap_row(const struct gs_trace *trace, const struct gs_trace_ask *ask,
                      struct gs_err *err);

/* Of what has been read and handed out so far. */
const struct gs_trace_totals *gs_trace_totals(const struct gs_trace *trace);
