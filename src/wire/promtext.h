/* promtext: Prometheus' text format 0.0.4, written.
 *
 * A family is begun with its help and type; its samples follow. A family without a sample leaves
 * nothing behind. Numbers are written as they were handed over: integers without a point, no
 * exponent; a value that is not known is not handed over. As with gs_buf the first failure sticks.
 * Names and label names are ours or checked constants; values and help are escaped. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/view.h"

enum { GS_PROMTEXT_MAX = 16 << 20 }; /* bytes of one page */

enum gs_promtext_type { GS_PROM_COUNTER, GS_PROM_GAUGE, GS_PROM_HISTOGRAM };

struct gs_promtext_label {
    const char *name;
    const char *value;
};

struct gs_promtext {
    struct gs_buf *out;
    const char *family; /* borrowed */
    const char *help;
    enum gs_promtext_type type;
    bool begun; /* its two head lines are written */
};

/* `out` is the caller's, with a bound of GS_PROMTEXT_MAX or less. */
void gs_promtext_init(struct gs_promtext *prom, struct gs_buf *out);

void gs_promtext_family(struct gs_promtext *prom, const char *name, enum gs_promtext_type type,
                        const char *help);

/* One sample; labels in the order given. `suffix` goes behind the family's name ("_bucket", ""). */
void gs_promtext_u64(struct gs_promtext *prom, const char *suffix,
                     const struct gs_promtext_label *labels, size_t n_labels, uint64_t value);

/* value / 10^places, written exactly and without zeros at its end; `places` is 9 at most. */
void gs_promtext_fixed(struct gs_promtext *prom, const char *suffix,
                       const struct gs_promtext_label *labels, size_t n_labels, uint64_t value,
                       unsigned places);

/* A floating value with six digits behind the point, as dcgm-exporter writes those. Not a number
 * and infinities are left out. */
void gs_promtext_double(struct gs_promtext *prom, const char *suffix,
                        const struct gs_promtext_label *labels, size_t n_labels, double value);

/* Appends the labels as they stand between a name and its number, for many samples that have the
 * same: writing them is most of the work of a page. */
void gs_promtext_labels(struct gs_buf *out, const struct gs_promtext_label *labels,
                        size_t n_labels);

/* Samples with labels that were written so. */
void gs_promtext_u64_at(struct gs_promtext *prom, struct gs_view labels, uint64_t value);
void gs_promtext_double_at(struct gs_promtext *prom, struct gs_view labels, double value);

/* A histogram with upper bounds in microseconds, counts not accumulated (one more entry than
 * bounds: above the last), sum in microseconds; written in seconds. */
void gs_promtext_histogram(struct gs_promtext *prom, const struct gs_promtext_label *labels,
                           size_t n_labels, const uint64_t *bounds_us, size_t n_bounds,
                           const uint64_t *counts, uint64_t sum_us);

/* [a-zA-Z_:][a-zA-Z0-9_:]* */
bool gs_promtext_is_name(const char *text);
