/* elements: cuts the objects of data.result out of the answer of Prometheus' range query, one after
 * the other, so that no more than one series is in memory. Sans-I/O. What is around them is skipped
 * over by counting brackets; the objects themselves are for a JSON parser. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"

enum {
    GS_ELEMENTS_BYTES_MAX = 8 << 20, /* of one series: a quarter of a million samples */
    GS_ELEMENTS_DEPTH_MAX = 100,
    GS_ELEMENTS_TEXT_MAX = 200
};

struct gs_elements {
    const char *label;
    int (*take)(void *ctx, struct gs_view element, struct gs_err *err);
    void *ctx;
    struct gs_buf element;
    uint64_t line;
    unsigned depth;
    bool in_text;
    bool escaped;
    bool in_data;                        /* within the object "data" of the answer */
    bool in_result;                      /* within its array "result" */
    bool over;                           /* the answer's closing bracket came */
    char text[GS_ELEMENTS_TEXT_MAX + 1]; /* the string read last, cut */
    size_t n_text;
    char key[GS_ELEMENTS_TEXT_MAX + 1];   /* the last one with a colon behind it */
    char error[GS_ELEMENTS_TEXT_MAX + 1]; /* what Prometheus says in the place of an answer */
};

void gs_elements_init(struct gs_elements *elements, const char *label,
                      int (*take)(void *ctx, struct gs_view element, struct gs_err *err),
                      void *ctx);
void gs_elements_done(struct gs_elements *elements);

/* The next bytes. GS_INVALID, GS_LIMIT, GS_NO_MEMORY, or what `take` gives. */
int gs_elements_feed(struct gs_elements *elements, struct gs_view piece, struct gs_err *err);

/* All bytes have come. GS_INVALID: cut off, or an error of Prometheus. */
int gs_elements_end(const struct gs_elements *elements, struct gs_err *err);
