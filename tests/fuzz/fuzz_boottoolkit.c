/* A file of the toolkit that is edited keeps all else, and needs no second edit. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "boot/toolkit.h"

/* Lengths differ by "true" to "false", or by a line of its own. */
static void check_length(size_t before, size_t after)
{
    size_t line = sizeof(GS_BOOT_TOOLKIT_KEY " = false\n") - 1;
    size_t more = after - before;
    if (after < before || (more != 1 && (more < line || more > line + 3))) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gs_view text = {.p = (const char *)data, .n = size};
    struct gs_buf once;
    struct gs_buf twice;
    bool changed = false;
    gs_buf_init(&once, size + 256);
    gs_buf_init(&twice, size + 512);
    if (gs_boot_toolkit_edit(text, "f", &once, &changed, NULL) == 0 && changed) {
        const struct gs_view edited = {.p = gs_buf_text(&once), .n = once.len};
        check_length(size, once.len);
        if (gs_boot_toolkit_edit(edited, "f", &twice, &changed, NULL) < 0 || changed) {
            abort();
        }
    }
    gs_buf_done(&once);
    gs_buf_done(&twice);
    return 0;
}
