#include "wire/amount.h"

#include <assert.h>

#define MIB (1ull << 20)

int gs_amount_read(const struct gs_doc_node *map, const char *key, enum gs_quantity_scale scale,
                   uint64_t max, uint64_t *ret, bool *ret_given, struct gs_err *err)
{
    struct gs_view text;
    const struct gs_doc_node *node = gs_doc_find(map, key);
    *ret = 0;
    *ret_given = node != NULL;
    if (node == NULL) {
        return 0;
    }
    int r = gs_doc_text(node, GS_QUANTITY_TEXT_MAX, &text, err);
    if (r < 0) {
        return r;
    }
    r = gs_quantity_parse(text, scale, max, ret, err);
    return r < 0 ? gs_doc_wrap(node, r, err) : 0;
}

static int refuse_zero(const struct gs_doc_node *map, const char *key, struct gs_err *err)
{
    return gs_doc_fail(gs_doc_find(map, key), err, "%s: found 0; expected more", key);
}

int gs_amount_need(const struct gs_doc_node *map, const char *key, enum gs_quantity_scale scale,
                   uint64_t max, uint64_t *ret, struct gs_err *err)
{
    bool given;
    const struct gs_doc_node *node;
    int r = gs_doc_need(map, key, &node, err);
    if (r == 0) {
        r = gs_amount_read(map, key, scale, max, ret, &given, err);
    }
    return r == 0 && *ret == 0 ? refuse_zero(map, key, err) : r;
}

int gs_amount_read_mib(const struct gs_doc_node *map, const char *key, uint64_t max_bytes,
                       uint32_t *ret_mib, bool *ret_given, struct gs_err *err)
{
    uint64_t bytes;
    assert(max_bytes / MIB < UINT32_MAX);
    int r = gs_amount_read(map, key, GS_QUANTITY_UNIT, max_bytes, &bytes, ret_given, err);
    if (r < 0) {
        return r;
    }
    if (*ret_given && bytes == 0) {
        return refuse_zero(map, key, err);
    }
    *ret_mib = (uint32_t)((bytes + MIB - 1) / MIB);
    return 0;
}
