/* A journal of any bytes is read without harm; a step that is read is written as text that reads
 * the same. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "partition/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_view bytes = {.p = (const char *)data, .n = size};
    struct gs_journal_left left;
    struct gs_journal_step step;
    struct gs_err err;
    char once[GS_JOURNAL_RECORD_MAX] = "";
    char twice[GS_JOURNAL_RECORD_MAX] = "";
    bool read = gs_journal_parse_step(bytes, &step, &err) == 0;
    if (!read && gs_journal_parse(bytes, &left, &err) == 0 && left.begun) {
        step = left.step;
        read = true;
    }
    if (read && gs_journal_format_step(&step, once, sizeof(once), &err) == 0 &&
        (gs_journal_parse_step(gs_view(once), &step, &err) != 0 ||
         gs_journal_format_step(&step, twice, sizeof(twice), &err) != 0 ||
         strcmp(once, twice) != 0)) {
        abort();
    }
    return 0;
}
