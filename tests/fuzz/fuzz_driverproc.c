/* Numbers of the driver's files in /proc are within the kernel's bounds, or not known. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "gpu/driver_files.h"

static void check(uint32_t value, uint32_t most)
{
    if (value > most && value != GS_NOT_KNOWN) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_view text = {.p = (const char *)data, .n = size};
    static struct gs_cap_minors minors;
    struct gs_driver_majors majors;
    struct gs_cap_file file;
    gs_cap_minors_parse(text, &minors);
    check(minors.config, 0xFFFFF);
    check(minors.ci[31][14][7], 0xFFFFF);
    gs_driver_majors_parse(text, &majors);
    check(majors.gpu, 0xFFF);
    check(majors.caps, 0xFFF);
    if (gs_cap_file_parse(text, &file, NULL) == 0) {
        check(file.minor, 0xFFFFF);
        check(file.mode, 07777);
    }
    return 0;
}
