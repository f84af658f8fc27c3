/* A token that is taken has a user, and what is asked about them is one JSON object. */
#include "fuzz/fuzz.h"

#include <jansson.h>
#include <stdlib.h>

#include "wire/kubereview.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct gs_kubereview_access access = {
        .verb = "list", .group = "", .resource = "pods", .name_space = "a"};
    const struct gs_view bytes = {.p = (const char *)data, .n = size};
    struct gs_err err;
    char *user = NULL;
    bool good = false;
    bool allowed = false;
    (void)gs_kubereview_read_access(bytes, &allowed, &err);
    if (gs_kubereview_read_token(bytes, "gpuslice-dashboard", &good, &user, &err) == 0 && good) {
        struct gs_buf out;
        gs_buf_init(&out, 256 << 10);
        if (gs_kubereview_write_access(user, &access, &out, &err) == 0) {
            json_t *review = json_loadb(out.text, out.len, JSON_REJECT_DUPLICATES, NULL);
            const json_t *spec = json_object_get(review, "spec");
            if (!json_is_string(json_object_get(spec, "user")) ||
                !json_is_object(json_object_get(spec, "resourceAttributes"))) {
                abort();
            }
            json_decref(review);
        }
        gs_buf_done(&out);
    }
    free(user);
    return 0;
}
