/* A watch stream gives the same events whole and byte by byte. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "wire/kubewatch.h"

static int count(void *ctx, const struct gs_kubewatch_event *event, struct gs_err *err)
{
    unsigned *sum = ctx;
    (void)err;
    bool versioned = event->type == GS_KUBEWATCH_ERROR || event->resource_version[0] != '\0';
    *sum = *sum * 31 + (unsigned)event->type + 1;
    return versioned ? 0 : (abort(), 0);
}

static int feed(const uint8_t *data, size_t size, size_t piece, unsigned *sum)
{
    struct gs_err err = {.msg = ""};
    struct gs_kubewatch *watch =
        gs_kubewatch_new((struct gs_kubewatch_sink){.take = count, .ctx = sum});
    int r = 0;
    for (size_t i = 0; r == 0 && i < size; i += piece) {
        r = gs_kubewatch_feed(watch, (const char *)data + i, size - i < piece ? size - i : piece,
                              &err);
    }
    gs_kubewatch_free(watch);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned whole = 0;
    unsigned bytes = 0;
    int r = feed(data, size, size + 1, &whole);
    if (feed(data, size, 1, &bytes) != r || whole != bytes) {
        abort();
    }
    return 0;
}
