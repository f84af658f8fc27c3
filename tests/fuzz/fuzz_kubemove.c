/* A note of a move that is read is written and read again as the same. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "wire/kubemove.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gs_view text = {.p = (const char *)data, .n = size};
    static struct gs_kubemove move;
    static struct gs_kubemove again;
    struct gs_buf out;
    if (gs_kubemove_parse(text, &move, NULL) != 0) {
        return 0;
    }
    gs_buf_init(&out, 2 * GS_KUBEMOVE_BYTES_MAX);
    if (gs_kubemove_write(&move, &out, NULL) != 0 ||
        gs_kubemove_parse(gs_view(gs_buf_text(&out)), &again, NULL) != 0 ||
        strcmp(move.pod, again.pod) != 0 || strcmp(move.owner, again.owner) != 0 ||
        strcmp(move.to, again.to) != 0 || move.at_us != again.at_us ||
        !gs_profile_name_eq(&move.slice, &again.slice)) {
        abort();
    }
    gs_buf_done(&out);
    return 0;
}
