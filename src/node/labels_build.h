/* labels_build: labels while they are gathered. For labels*.c alone. */
#pragma once

#include "node/labels.h"

#define GS_LABEL_DOMAIN "nvidia.com/"
#define GS_LABEL_GPU GS_LABEL_DOMAIN "gpu"

enum { GS_LABEL_PRODUCT_MAX = 200 };

/* Later labels stand for earlier ones of the same key. */
struct gs_labels_builder {
    struct gs_arena *arena;
    const struct gs_labels_input *input;
    struct gs_label *at;
    size_t n;
    size_t cap;
    struct gs_err *err;
};

/* Adds a label. The API refuses a whole change for one value that is none: such a value is cut to
 * what can be one. */
int gs_labels_put(struct gs_labels_builder *b, const char *key, const char *value);

/* What GFD's sanitise leaves: letters, digits, - _ and dots, words joined by dashes. */
void gs_labels_sanitise(char *ret, size_t size, const char *text);

/* labels_resource.c: the GPU block, and those of slices under single and mixed. */
int gs_labels_put_resources(struct gs_labels_builder *b);
