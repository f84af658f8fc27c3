/* A value that is found in user data is one of a label, and no text contradicts itself. */
#include "fuzz/fuzz.h"

#include <ctype.h>
#include <stdlib.h>

#include "boot/label.h"

static void check(const struct gs_boot_label *label)
{
    size_t n = strlen(label->value);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)label->value[i];
        if (!isalnum(c) && (strchr("._-", c) == NULL || i == 0 || i + 1 == n)) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gs_view text = {.p = (const char *)data, .n = size};
    struct gs_boot_label label = {.key = "nvidia.com/mig.config"};
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    int first = gs_boot_label_look(text, "f", &arena, &label, NULL);
    int again = gs_boot_label_look(text, "f", &arena, &label, NULL);
    if (first == 0 && again < 0) {
        abort();
    }
    check(&label);
    gs_arena_done(&arena);
    return 0;
}
