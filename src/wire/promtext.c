#include "wire/promtext.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void gs_promtext_init(struct gs_promtext *prom, struct gs_buf *out)
{
    *prom = (struct gs_promtext){.out = out};
}

void gs_promtext_family(struct gs_promtext *prom, const char *name, enum gs_promtext_type type,
                        const char *help)
{
    prom->family = name;
    prom->type = type;
    prom->help = help;
    prom->begun = false;
}

/* Backslash and line end, in values of labels double quotes too, are escaped. */
static void put_escaped(struct gs_buf *out, const char *text, bool quotes)
{
    while (*text != '\0') {
        size_t n = strcspn(text, quotes ? "\\\n\"" : "\\\n");
        gs_buf_put(out, text, n);
        text += n;
        if (*text != '\0') {
            gs_buf_puts(out, *text == '\n' ? "\\n" : *text == '"' ? "\\\"" : "\\\\");
            text++;
        }
    }
}

/* The number and the end of the line. Most of a page is such lines: printf would take most of its
 * time. */
static void put_u64(struct gs_buf *out, uint64_t value)
{
    char text[24];
    size_t at = sizeof(text);
    text[--at] = '\n';
    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    gs_buf_put(out, text + at, sizeof(text) - at);
}

static const char *type_name(enum gs_promtext_type type)
{
    switch (type) {
    case GS_PROM_COUNTER:
        return "counter";
    case GS_PROM_GAUGE:
        return "gauge";
    case GS_PROM_HISTOGRAM:
        return "histogram";
    }
    return "untyped";
}

static void put_label(struct gs_buf *out, const char *before, const struct gs_promtext_label *label)
{
    gs_buf_puts(out, before);
    gs_buf_puts(out, label->name);
    gs_buf_puts(out, "=\"");
    put_escaped(out, label->value, true);
    gs_buf_puts(out, "\"");
}

/* The head lines of a family, where this is its first sample, and its name. */
static void begin_line(struct gs_promtext *prom, const char *suffix)
{
    struct gs_buf *out = prom->out;
    if (!prom->begun) {
        gs_buf_printf(out, "# HELP %s ", prom->family);
        put_escaped(out, prom->help, false);
        gs_buf_printf(out, "\n# TYPE %s %s\n", prom->family, type_name(prom->type));
        prom->begun = true;
    }
    gs_buf_puts(out, prom->family);
    gs_buf_puts(out, suffix);
}

/* `more` comes behind the other labels; NULL: none. */
static void put_labels(struct gs_buf *out, const struct gs_promtext_label *labels, size_t n_labels,
                       const struct gs_promtext_label *more)
{
    for (size_t i = 0; i < n_labels; i++) {
        put_label(out, i == 0 ? "{" : ",", &labels[i]);
    }
    if (more != NULL) {
        put_label(out, n_labels == 0 ? "{" : ",", more);
    }
    gs_buf_puts(out, n_labels == 0 && more == NULL ? " " : "} ");
}

/* Everything of a line before its number. */
static void begin_sample(struct gs_promtext *prom, const char *suffix,
                         const struct gs_promtext_label *labels, size_t n_labels,
                         const struct gs_promtext_label *more)
{
    begin_line(prom, suffix);
    put_labels(prom->out, labels, n_labels, more);
}

void gs_promtext_labels(struct gs_buf *out, const struct gs_promtext_label *labels, size_t n_labels)
{
    put_labels(out, labels, n_labels, NULL);
}

void gs_promtext_u64_at(struct gs_promtext *prom, struct gs_view labels, uint64_t value)
{
    begin_line(prom, "");
    gs_buf_put(prom->out, labels.p, labels.n);
    put_u64(prom->out, value);
}

void gs_promtext_double_at(struct gs_promtext *prom, struct gs_view labels, double value)
{
    if (isfinite(value)) {
        begin_line(prom, "");
        gs_buf_put(prom->out, labels.p, labels.n);
        gs_buf_printf(prom->out, "%.6f\n", value);
    }
}

void gs_promtext_u64(struct gs_promtext *prom, const char *suffix,
                     const struct gs_promtext_label *labels, size_t n_labels, uint64_t value)
{
    begin_sample(prom, suffix, labels, n_labels, NULL);
    put_u64(prom->out, value);
}

/* value / 10^places without zeros at its end. */
static void format_fixed(char ret[48], uint64_t value, unsigned places)
{
    uint64_t unit = 1;
    for (unsigned i = 0; i < places; i++) {
        unit *= 10;
    }
    int n = snprintf(ret, 48, "%" PRIu64 ".%0*" PRIu64, value / unit, (int)places, value % unit);
    while (n > 0 && ret[n - 1] == '0') {
        ret[--n] = '\0';
    }
    if (n > 0 && ret[n - 1] == '.') {
        ret[n - 1] = '\0';
    }
}

void gs_promtext_fixed(struct gs_promtext *prom, const char *suffix,
                       const struct gs_promtext_label *labels, size_t n_labels, uint64_t value,
                       unsigned places)
{
    char text[48];
    format_fixed(text, value, places);
    begin_sample(prom, suffix, labels, n_labels, NULL);
    gs_buf_printf(prom->out, "%s\n", text);
}

void gs_promtext_double(struct gs_promtext *prom, const char *suffix,
                        const struct gs_promtext_label *labels, size_t n_labels, double value)
{
    if (!isfinite(value)) {
        return;
    }
    begin_sample(prom, suffix, labels, n_labels, NULL);
    gs_buf_printf(prom->out, "%.6f\n", value);
}

void gs_promtext_histogram(struct gs_promtext *prom, const struct gs_promtext_label *labels,
                           size_t n_labels, const uint64_t *bounds_us, size_t n_bounds,
                           const uint64_t *counts, uint64_t sum_us)
{
    char text[48];
    uint64_t total = 0;
    for (size_t i = 0; i <= n_bounds; i++) {
        struct gs_promtext_label le = {.name = "le", .value = "+Inf"};
        if (i < n_bounds) {
            format_fixed(text, bounds_us[i], 6);
            le.value = text;
        }
        total += counts[i];
        begin_sample(prom, "_bucket", labels, n_labels, &le);
        put_u64(prom->out, total);
    }
    gs_promtext_fixed(prom, "_sum", labels, n_labels, sum_us, 6);
    gs_promtext_u64(prom, "_count", labels, n_labels, total);
}

bool gs_promtext_is_name(const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        bool letter =
            (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_' || *p == ':';
        bool digit = *p >= '0' && *p <= '9';
        if (!letter && !(digit && p != text)) {
            return false;
        }
    }
    return text[0] != '\0';
}
