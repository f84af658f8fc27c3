/* What is read as a layout is written as it was. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "core/spell.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct gs_view text = {.p = (const char *)data, .n = size};
    struct gs_spell spell;
    struct gs_err err;
    char again[GS_SPELL_MAX + 1];
    (void)gs_spell_is_meant(text);
    if (gs_spell_parse(text, &spell, &err) == 0 &&
        (gs_spell_format(&spell, again, &err) != 0 || !gs_view_eq(text, again) ||
         gs_spell_gpus(&spell) > GS_SPELL_GPUS_MAX)) {
        abort();
    }
    return 0;
}
