/* bed: traces in memory and in files, read in pieces of a chosen size. */
#pragma once

#include "unit/check.h"

#include "trace/map.h"

enum { BED_ASKS_MAX = 20000, BED_BAD_MAX = GS_TRACE_BAD_MAX };

struct bed_text {
    const char *bytes;
    size_t n;
    size_t at;
    size_t step; /* bytes that one call gives at most */
};

/* What came of a trace. */
struct bed {
    struct gs_trace *trace; /* holds the texts of the asks; NULL where it could not begin */
    struct gs_trace_ask *asks;
    size_t n;
    struct gs_trace_totals totals;
    char bad[BED_BAD_MAX][300];
    size_t n_bad;
    int r; /* of the last gs_trace_next, or of gs_trace_new */
    struct gs_err err;
};

struct bed_options {
    size_t step; /* 0: 4096 */
    bool push;
    enum gs_trace_at at;
    uint64_t seed;
    int64_t now_us; /* 0: not said */
};

/* Reads texts as the files f0, f1, ... of a format; of a format without files text 0 says all.
 * Every bed is given to bed_done. */
void bed_read(struct bed *bed, const char *format, const struct gs_view *texts, size_t n_texts,
              struct bed_options options);
void bed_read_text(struct bed *bed, const char *format, const char *text);
void bed_done(struct bed *bed);

/* Reads files of the test data; a test without them is skipped, and says so. */
void bed_read_files(struct bed *bed, const char *format, const char *const *paths, size_t n,
                    struct bed_options options);
