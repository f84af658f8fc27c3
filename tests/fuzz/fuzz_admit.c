/* An answer is JSON that echoes the question's uid; who is refused is told why; only what is gated
 * is patched; and without somebody who lifts gates nobody is gated. */
#include "fuzz/fuzz.h"

#include <jansson.h>
#include <stdlib.h>

#include "admit/admit.h"

static enum gs_admit_supply supply(void *ctx, const struct gs_profile_name *profile)
{
    (void)ctx;
    return (enum gs_admit_supply)(profile->memory_gb % 3);
}

static void ask(struct gs_view body, bool gate)
{
    const struct gs_admit_rules rules = {.gate = gate, .supply = supply};
    struct gs_admit_verdict verdict;
    struct gs_buf out;
    gs_buf_init(&out, GS_ADMIT_ANSWER_MAX);
    if (gs_admit_review(body, &rules, &out, &verdict, NULL) == 0) {
        json_t *answer = json_loads(gs_buf_text(&out), JSON_REJECT_DUPLICATES, NULL);
        const json_t *response = json_object_get(answer, "response");
        bool allowed = json_is_true(json_object_get(response, "allowed"));
        bool patched = json_object_get(response, "patch") != NULL;
        if (json_object_get(response, "uid") == NULL ||
            allowed == (verdict.outcome == GS_ADMIT_REFUSED) ||
            (!allowed && verdict.message[0] == '\0') ||
            patched != (verdict.outcome == GS_ADMIT_GATED) || (patched && !gate)) {
            abort();
        }
        json_decref(answer);
    }
    gs_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ask((struct gs_view){.p = (const char *)data, .n = size}, true);
    ask((struct gs_view){.p = (const char *)data, .n = size}, false);
    return 0;
}
