#include "unit/trace/bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int give(void *ctx, void *bytes, size_t size, size_t *ret_n, struct gs_err *err)
{
    struct bed_text *text = ctx;
    size_t n = text->n - text->at;
    (void)err;
    n = n < size ? n : size;
    n = n < text->step ? n : text->step;
    if (n > 0) {
        memcpy(bytes, text->bytes + text->at, n);
    }
    text->at += n;
    *ret_n = n;
    return 0;
}

static void note_bad(void *ctx, const struct gs_err *err)
{
    struct bed *bed = ctx;
    assert_true(bed->n_bad < BED_BAD_MAX);
    snprintf(bed->bad[bed->n_bad++], sizeof(bed->bad[0]), "%.299s", err->msg);
}

/* Every row of an input that was read to its end is an ask's, has no GPU, or was skipped. */
static void check_sums(const struct bed *bed)
{
    const struct gs_trace_totals *totals = &bed->totals;
    uint64_t rows = 0, skipped = 0;
    for (size_t i = 0; i < bed->n; i++) {
        rows += bed->asks[i].rows;
    }
    for (unsigned i = 0; i < GS_TRACE_FAULTS; i++) {
        skipped += totals->skipped[i];
    }
    assert_int_equal(rows, totals->ask_rows);
    assert_int_equal(skipped, totals->skipped_rows);
    assert_int_equal(totals->input_rows, rows + totals->passed_over + skipped);
    assert_int_equal(bed->n, totals->asks);
}

static void take_all(struct bed *bed, struct bed_text *texts)
{
    static char piece[65536];
    size_t input = 0;
    struct gs_trace_ask ask;
    while ((bed->r = gs_trace_next(bed->trace, &ask, &bed->err)) > 0) {
        if (bed->r == GS_TRACE_MORE) {
            size_t n;
            (void)give(&texts[input], piece, sizeof(piece), &n, NULL);
            input += n == 0;
            gs_trace_feed(bed->trace, piece, n);
            continue;
        }
        assert_true(bed->n < BED_ASKS_MAX);
        bed->asks[bed->n++] = ask;
    }
    bed->totals = *gs_trace_totals(bed->trace);
    if (bed->r == GS_TRACE_OVER) {
        check_sums(bed);
    }
}

static const struct gs_trace_format *find_format(const char *name)
{
    size_t n;
    const struct gs_trace_format *formats = gs_trace_formats(&n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(formats[i].name, name) == 0) {
            return &formats[i];
        }
    }
    fail_msg("no format %s", name);
    abort(); /* not reached */
}

void bed_read(struct bed *bed, const char *format, const struct gs_view *texts, size_t n_texts,
              struct bed_options options)
{
    static const char *const labels[] = {"f0", "f1", "f2", "f3"};
    struct bed_text from[GS_TRACE_INPUTS_MAX] = {{0}};
    struct gs_trace_input inputs[GS_TRACE_INPUTS_MAX];
    *bed = (struct bed){.asks = calloc(BED_ASKS_MAX, sizeof(struct gs_trace_ask))};
    assert_non_null(bed->asks);
    struct gs_trace_options how = {.format = find_format(format),
                                   .inputs = inputs,
                                   .at = options.at,
                                   .seed = options.seed,
                                   .now_us =
                                       options.now_us == 0 ? GS_TRACE_NO_TIME : options.now_us,
                                   .bad = note_bad,
                                   .bad_ctx = bed};
    if (how.format->takes == GS_TRACE_TAKES_TEXT) {
        how.text = texts[0];
        n_texts = 0;
    }
    for (size_t i = 0; i < n_texts; i++) {
        from[i] = (struct bed_text){
            .bytes = texts[i].p, .n = texts[i].n, .step = options.step == 0 ? 4096 : options.step};
        inputs[i] = (struct gs_trace_input){
            .label = labels[i], .read = options.push ? NULL : give, .ctx = &from[i]};
    }
    how.n_inputs = n_texts;
    bed->r = gs_trace_new(&how, &bed->trace, &bed->err);
    if (bed->r == 0) {
        take_all(bed, from);
    }
}

void bed_read_text(struct bed *bed, const char *format, const char *text)
{
    struct gs_view view = gs_view(text);
    bed_read(bed, format, &view, 1, (struct bed_options){0});
}

void bed_done(struct bed *bed)
{
    gs_trace_free(bed->trace);
    free(bed->asks);
}

static char *read_file(const char *path, size_t *ret_n)
{
    enum { BYTES_MAX = 4 << 20 };
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    char *bytes = malloc(BYTES_MAX);
    assert_non_null(bytes);
    *ret_n = fread(bytes, 1, BYTES_MAX, file);
    assert_true(*ret_n < BYTES_MAX);
    fclose(file);
    return bytes;
}

void bed_read_files(struct bed *bed, const char *format, const char *const *paths, size_t n,
                    struct bed_options options)
{
    const char *folder = getenv("GPUSLICE_TESTDATA");
    char *bytes[GS_TRACE_INPUTS_MAX];
    struct gs_view texts[GS_TRACE_INPUTS_MAX] = {{0}};
    for (size_t i = 0; i < n; i++) {
        char path[1024];
        snprintf(path, sizeof(path), "%s/traces/%s", folder == NULL ? "" : folder, paths[i]);
        bytes[i] = read_file(path, &texts[i].n);
        if (bytes[i] == NULL) {
            printf("SKIP: no %s; -Dtestdata=FOLDER says where the folder traces/ is\n", path);
            while (i > 0) {
                free(bytes[--i]);
            }
            skip();
            abort(); /* not reached */
        }
        texts[i].p = bytes[i];
    }
    bed_read(bed, format, texts, n, options);
    for (size_t i = 0; i < n; i++) {
        free(bytes[i]);
    }
}
