/* reader: what the formats of traces share, and the seam between them and trace.c. Only this room
 * includes it. */
#pragma once

#include "sim/job.h"
#include "trace/lines.h"
#include "trace/order.h"
#include "trace/texts.h"
#include "trace/trace.h"
#include "trace/unpack.h"

#define GS_TRACE_ARENA_MAX ((size_t)4 << 30)

/* One format. Functions that are not there are not called. All but `end` return 0 or a negative
 * code, which ends the trace; a row that cannot be used is told with gs_trace_skip and is 0. */
struct gs_trace_reader {
    const char *name;
    const char *row_is; /* what is counted in a file, "pod"; NULL: its lines */
    const char *none;   /* what to look at where there is nothing of it; NULL: nothing more */
    bool cut_at_end;    /* what ends with the last of all was cut off by the trace's end */
    int (*begin)(struct gs_trace *trace, struct gs_err *err);
    int (*line)(struct gs_trace *trace, struct gs_view line, struct gs_err *err);
    int (*piece)(struct gs_trace *trace, struct gs_view piece, struct gs_err *err);
    int (*input_end)(struct gs_trace *trace, struct gs_err *err);
    /* All inputs have ended. 1: one more row has been put, or skipped; 0: there are no more. */
    int (*draw)(struct gs_trace *trace, struct gs_err *err);
    void (*end)(struct gs_trace *trace);
};

struct gs_trace {
    struct gs_trace_options options;
    struct gs_trace_input inputs[GS_TRACE_INPUTS_MAX];
    const struct gs_trace_reader *reader;
    void *own; /* of the reader */
    struct gs_arena arena;
    struct gs_texts texts;
    struct gs_order order;
    struct gs_unpack unpack;
    struct gs_lines lines;
    unsigned input; /* the one that is read */
    struct gs_view pushed;
    bool was_pushed; /* `pushed` waits */
    bool all_read;   /* nothing more will be put */
    char *raw;       /* GS_UNPACK_PIECE bytes, for read callbacks */
    char *unpacked;  /* the same, of gzip */
    uint64_t row;    /* of the row that is read */
    unsigned told;   /* rows that were named to options.bad */
    struct gs_trace_totals totals;
    struct gs_err first_bad;
    struct gs_trace_dry {
        uint64_t used; /* rows that could be used, when this began ... */
        uint64_t skipped;
        uint64_t packed; /* ... and the bytes since then, as they came and unpacked */
        uint64_t flat;
    } dry;
    struct gs_trace_clock {
        uint64_t row; /* of the first moment; 0: none yet */
        unsigned input;
        bool dates;
        bool mixed; /* seconds and dates; the text says where */
        struct gs_err why;
    } clock;
};

extern const struct gs_trace_reader gs_trace_reader_rows_csv;
extern const struct gs_trace_reader gs_trace_reader_rows_jsonl;
extern const struct gs_trace_reader gs_trace_reader_openb;
extern const struct gs_trace_reader gs_trace_reader_gentd26;
extern const struct gs_trace_reader gs_trace_reader_miso;
extern const struct gs_trace_reader gs_trace_reader_pods;
extern const struct gs_trace_reader gs_trace_reader_prometheus;
extern const struct gs_trace_reader gs_trace_reader_synthetic;

static inline const char *gs_trace_label(const struct gs_trace *trace)
{
    return trace->input < trace->options.n_inputs ? trace->inputs[trace->input].label
                                                  : trace->options.format->name;
}

/* What came from a file goes to a terminal: nothing in it may move the cursor. */
void gs_trace_clean(char *text);

/* This row is not used, and why. Always 0. */
int gs_trace_skip(struct gs_trace *trace, enum gs_trace_fault fault, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As gs_trace_skip with a text that is there. Always 0. */
int gs_trace_skip_for(struct gs_trace *trace, enum gs_trace_fault fault, const struct gs_err *why);

/* The same for all rows of an ask; of 0 rows another one has been told of it. Always 0. */
int gs_trace_skip_rows(struct gs_trace *trace, enum gs_trace_fault fault, uint64_t rows,
                       const struct gs_err *why);

/* An ask of the row trace->row, `count` times, of which the first stands for ask->rows rows. Its
 * arrival is chosen here, its row set, and its times checked; a wrong one is skipped. Always 0.
 * Rows are counted by the one who reads them. */
int gs_trace_put(struct gs_trace *trace, const struct gs_trace_ask *ask, uint32_t count);

/* As gs_field_moment. Seconds and dates count from different zeros: where a trace has both, it ends
 * with the row that is not like the first, whatever this row's reader does. */
int gs_trace_moment(struct gs_trace *trace, struct gs_view text, int64_t *ret_us,
                    struct gs_err *err);

/* An ask of which nothing is known, of one row. */
struct gs_trace_ask gs_trace_nothing_known(void);

/* The name, or what of it has room. */
void gs_trace_set_name(struct gs_trace_ask *ask, struct gs_view name);

/* GS_NO_MEMORY. */
int gs_trace_no_memory(const struct gs_trace *trace, struct gs_err *err);
