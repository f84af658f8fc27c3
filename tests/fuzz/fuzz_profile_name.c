/* A name that parses is printed as a name that parses to the same. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "core/profile_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_view text = {.p = (const char *)data, .n = size};
    struct gs_profile_name name;
    struct gs_err err;
    (void)gs_profile_name_from_resource(text, &name, &err);
    if (gs_profile_name_read(text, &name, &err) != 0) {
        return 0;
    }
    char printed[GS_PROFILE_NAME_MAX + 1];
    gs_profile_name_format(&name, printed);
    struct gs_profile_name again;
    if (gs_profile_name_parse(gs_view(printed), &again, &err) != 0 ||
        !gs_profile_name_eq(&name, &again)) {
        abort();
    }
    return 0;
}
