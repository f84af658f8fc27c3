#include "historian/pods.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POD "pod "

/* A pod that waits. */
struct waits {
    bool delayed;
    char key[];
};

void gs_pods_done(struct gs_pods *pods)
{
    size_t at = 0;
    for (struct waits *one; (one = gs_map_next(&pods->waiting, &at)) != NULL;) {
        free(one);
    }
    gs_map_done(&pods->waiting);
}

static void add(struct gs_pods *pods, const char *key)
{
    size_t n = strlen(key) + 1;
    struct waits *one = pods->waiting.n < GS_PODS_MAX ? calloc(1, sizeof(*one) + n) : NULL;
    if (one == NULL || gs_map_find(&pods->waiting, key) != NULL) {
        free(one);
        return;
    }
    memcpy(one->key, key, n);
    if (!gs_map_put(&pods->waiting, one->key, one)) {
        free(one);
    }
}

void gs_pods_news(struct gs_pods *pods, const struct gs_board_news *news,
                  struct gs_sample_counts *counts)
{
    if (strncmp(news->subject, POD, strlen(POD)) != 0) {
        return;
    }
    const char *key = news->subject + strlen(POD);
    if (news->what == GS_BOARD_POD_WAITS) {
        add(pods, key);
    } else if (news->what == GS_BOARD_POD_BOUND || news->what == GS_BOARD_POD_GONE) {
        struct waits *one = gs_map_take(&pods->waiting, key);
        if (one != NULL && news->what == GS_BOARD_POD_BOUND) {
            *(one->delayed ? &counts->delayed : &counts->accepted) += 1;
        }
        free(one);
    }
}

static void delay(struct gs_pods *pods, const char *key)
{
    struct waits *one = gs_map_find(&pods->waiting, key);
    if (one != NULL) {
        one->delayed = true;
    }
}

/* The scheduler found no node, or another pod makes way for it. */
static void look_at_pod(struct gs_pods *pods, const struct gs_store *store, const char *key)
{
    const struct gs_store_pod *pod = gs_store_find_pod(store, key);
    if (pod != NULL && pod->waiting != NULL &&
        (pod->waiting->wait.unschedulable || pod->waiting->wait.moving[0] != '\0')) {
        delay(pods, key);
    }
}

/* Slices are cut for it. */
static void look_at_wishes(struct gs_pods *pods, const struct gs_store_node *node)
{
    for (const struct gs_store_wish *one = node->wishes; one != NULL; one = one->next) {
        for (unsigned i = 0; i < one->wish.n_pods; i++) {
            char key[GS_STORE_OWNER_MAX];
            const struct gs_gpunode_pod *pod = &one->wish.pods[i];
            (void)snprintf(key, sizeof(key), "%s/%s", pod->name_space, pod->name);
            delay(pods, key);
        }
    }
}

void gs_pods_look(struct gs_pods *pods, const struct gs_store *store, enum gs_store_kind kind,
                  const struct json_t *object)
{
    const json_t *metadata = json_object_get(object, "metadata");
    const char *name = json_string_value(json_object_get(metadata, "name"));
    const char *name_space = json_string_value(json_object_get(metadata, "namespace"));
    if (pods->waiting.n == 0 || name == NULL) {
        return;
    }
    if (kind == GS_STORE_GPUNODES) {
        const struct gs_store_node *node = gs_store_find_node(store, name);
        if (node != NULL) {
            look_at_wishes(pods, node);
        }
    } else if (kind == GS_STORE_PODS && name_space != NULL) {
        char key[GS_STORE_OWNER_MAX];
        (void)snprintf(key, sizeof(key), "%s/%s", name_space, name);
        look_at_pod(pods, store, key);
    }
}
