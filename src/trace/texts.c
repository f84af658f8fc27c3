#include "trace/texts.h"

#include "base/hash.h"

bool gs_texts_init(struct gs_texts *texts, struct gs_arena *arena, uint32_t max)
{
    uint32_t cap = 64;
    while (cap / 2 < max) {
        cap *= 2;
    }
    *texts = (struct gs_texts){.arena = arena, .cap = cap, .max = max};
    texts->slots = GS_ARENA_NEW(arena, const char *, cap);
    return texts->slots != NULL;
}

static uint64_t hash(struct gs_view text)
{
    return gs_hash64_fold(gs_hash64_bytes_on(GS_HASH64_EMPTY, text.p, text.n));
}

int gs_texts_keep(struct gs_texts *texts, struct gs_view text, const char **ret, struct gs_err *err)
{
    uint32_t at = (uint32_t)hash(text) & (texts->cap - 1);
    while (texts->slots[at] != NULL && !gs_view_eq(text, texts->slots[at])) {
        at = (at + 1) & (texts->cap - 1);
    }
    if (texts->slots[at] == NULL) {
        if (texts->n == texts->max) {
            return gs_fail(err, GS_LIMIT,
                           "more than %u different names of profiles, workloads, GPUs and "
                           "namespaces; expected less",
                           (unsigned)texts->max);
        }
        const char *kept = gs_arena_text(texts->arena, text.p, text.n);
        if (kept == NULL) {
            return gs_fail(err, GS_NO_MEMORY, "no memory for the names in a trace");
        }
        texts->slots[at] = kept;
        texts->n++;
    }
    *ret = texts->slots[at];
    return 0;
}
