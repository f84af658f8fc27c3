/* Whatever is typed, in whatever pieces, is taken in the end, and no control character is a key. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "base/view.h"
#include "cli/top/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_top_keys keys = {.n = 0};
    struct gs_top_typed typed;
    for (size_t at = 0; at < size;) {
        size_t n = 1 + data[at] % 7;
        n = n < size - at ? n : size - at;
        gs_top_keys_put(&keys, data + at, n);
        at += n;
        bool ended = n == 3;
        while (gs_top_keys_take(&keys, ended, &typed)) {
            if (typed.key == GS_TOP_KEY_CHARACTER && gs_character_is_control(typed.c)) {
                abort();
            }
        }
        if ((ended && keys.n > 0) || keys.n >= 64) {
            abort();
        }
    }
    return 0;
}
