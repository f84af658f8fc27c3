/* change: one change after another to a JSON document, each taken back before the next. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum change_kind {
    CHANGE_MORE,    /* a number: 1 more, or for one with a point a millionth of it and 1e-6 */
    CHANGE_LESS,    /* likewise less, where it is above 0 */
    CHANGE_DOUBLE,  /* a number above 0, times 2 */
    CHANGE_FLIP,    /* true and false */
    CHANGE_LONGER,  /* a text with "x" behind it */
    CHANGE_SWAPPED, /* a text: another one found under the same key */
    CHANGE_NULL,    /* null; of null, 0 */
    CHANGE_REMOVED, /* a member or an element taken out */
    CHANGE_TWICE,   /* an element put in once more */
    CHANGE_ORDER,   /* an element and the next one, when they differ */
    CHANGES
};
extern const char *const change_names[CHANGES];

/* One value of the document and a change to it. */
struct change {
    enum change_kind kind;
    const char *path;    /* "layouts[0].placements[2].start" */
    const char *pattern; /* the same without numbers: "layouts[].placements[].start" */
    json_t *parent;      /* of the value; as it is while it is changed */
};

/* Called while the document is changed. */
typedef void change_visitor(void *ctx, const struct change *change);

/* Makes every change to everything below the member `key` of `root`, the member itself included,
 * and calls `visit` for each. `stride` visits every so manieth change only, from `offset` on. */
void change_all(json_t *root, const char *key, size_t stride, size_t offset, change_visitor *visit,
                void *ctx);
