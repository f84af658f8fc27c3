/* What a history or a Prometheus answers: what comes of it is JSON, with the same total, and no
 * name of a namespace that is not shown. */
#include "fuzz/fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "board/past.h"
#include "controller/past/prometheus.h"

static bool sees(void *ctx, const char *name_space)
{
    (void)ctx;
    return strcmp(name_space, "a") == 0;
}

/* Every row is of "a", or of no namespace. */
static void check_rows(const json_t *tree)
{
    const json_t *rows = json_object_get(tree, "rows");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(rows, i), "name"));
        if (name == NULL ||
            (name[0] != '(' && strcmp(name, "a") != 0 && strncmp(name, "a/", 2) != 0)) {
            abort();
        }
    }
}

static void check(const struct gs_buf *out)
{
    json_t *tree = json_loadb(gs_buf_text(out), out->len, 0, NULL);
    if (tree == NULL) {
        abort();
    }
    check_rows(tree);
    json_decref(tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct gs_board_reader reader = {sees, NULL};
    const struct gs_view bytes = {.p = (const char *)data, .n = size};
    struct gs_err err;
    struct gs_buf out;
    gs_buf_init(&out, 1 << 20);
    if (gs_board_hide_costs(bytes, &reader, &out, &err) == 0) {
        check(&out);
    }
    gs_buf_reset(&out);
    if (gs_board_hide_events(bytes, &reader, &out, &err) == 0) {
        check(&out);
    }
    gs_buf_reset(&out);
    gs_buf_puts(&out, "{\"points\":[");
    if (gs_prometheus_points(bytes, &out, &err) == 0) {
        gs_buf_puts(&out, "]}");
        check(&out);
    }
    gs_buf_done(&out);
    return 0;
}
