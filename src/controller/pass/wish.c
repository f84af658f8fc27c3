/* What GPUs are to become, as wishes in the picture. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "controller/pass/work.h"

enum { KEY_BYTES_MAX = 2 * 254 };

/* The wish for that GPU that was made in this pass, to be added to. */
static const struct gs_gpunode_wish *unsent_wish(const struct gs_store_node *node, const char *uuid)
{
    for (const struct gs_store_wish *wish = node->wishes; wish != NULL; wish = wish->next) {
        if (!wish->sent && !wish->shows && strcmp(wish->wish.uuid, uuid) == 0) {
            return &wish->wish;
        }
    }
    return NULL;
}

int gs_pass_wish(struct gs_pass *pass, struct gs_store_pod *pod, const struct gs_store_pod *moved,
                 uint32_t number, const struct gs_decide_recut *recut, const char *why,
                 struct gs_err *err)
{
    struct gs_store_node *node = pass->view.more[number].of;
    const struct gs_store_gpu *gpu = &node->gpus[recut->gpu];
    const struct gs_gpunode_wish *before = unsent_wish(node, gpu->uuid);
    struct gs_gpunode_pod pods[GS_GPUNODE_PODS_MAX];
    unsigned n_pods = 0;
    struct gs_layout wanted = recut->layout;
    char layout[GS_LAYOUT_TEXT_MAX + 1];
    char id[GS_GPUNODE_ID_MAX + 1];
    char space[KEY_BYTES_MAX];
    while (before != NULL && n_pods < before->n_pods && n_pods < GS_GPUNODE_PODS_MAX - 2) {
        pods[n_pods] = before->pods[n_pods];
        n_pods++;
    }
    if (moved != NULL) {
        const char *slash = strchr(moved->key, '/');
        snprintf(space, sizeof(space), "%.*s", (int)(slash - moved->key), moved->key);
        pods[n_pods++] =
            (struct gs_gpunode_pod){.name_space = space, .name = slash + 1, .uid = moved->uid};
    }
    if (pod != NULL) {
        pods[n_pods++] = (struct gs_gpunode_pod){.name_space = pod->waiting->pod.name_space,
                                                 .name = pod->waiting->pod.name,
                                                 .uid = pod->uid};
    }
    for (unsigned k = 0; k < wanted.n_slices; k++) {
        wanted.slices[k].in_use = false; /* that is what a GPU has, not what is wanted of it */
    }
    gs_layout_format(pass->view.nodes[number].model, &wanted, layout);
    snprintf(id, sizeof(id), "%" PRIx64 "-%" PRIx64, pass->real_us, ++pass->number);
    const struct gs_gpunode_wish wish = {
        .id = id,
        .uuid = gpu->uuid,
        .based_on = gpu->revision,
        .layout = layout,
        .reason = why,
        .pods = pods,
        .n_pods = n_pods,
    };
    return gs_store_wish(node, &wish, pass->now_us, err);
}

int gs_pass_recut(struct gs_pass *pass, struct gs_store_pod *pod, uint32_t number,
                  const struct gs_decision *decision, struct gs_err *err)
{
    int r = 0;
    for (unsigned i = 0; r == 0 && i < decision->n_recuts; i++) {
        r = gs_pass_wish(pass, pod, NULL, number, &decision->recuts[i], decision->why, err);
    }
    r = r == 0 ? gs_take_recut(&pass->view, pod, number, decision->recuts, decision->n_recuts, err)
               : r;
    if (r != 0) {
        return r;
    }
    pod->waiting->keep_until_us = pass->now_us + pass->options.recut_limit_us;
    gs_pass_look_again(pass, pod->waiting->keep_until_us);
    gs_act_say(pass->options.act, pod, false, "Recutting", "Recut", decision->why);
    return 0;
}

int gs_pass_recut_warm(void *ctx, uint32_t node, const struct gs_decision *decision,
                       const char *why, struct gs_err *err)
{
    struct gs_pass *pass = ctx;
    int r = 0;
    for (unsigned i = 0; r == 0 && i < decision->n_recuts; i++) {
        r = gs_pass_wish(pass, NULL, NULL, node, &decision->recuts[i], why, err);
    }
    return r;
}

void gs_pass_send_wishes(struct gs_pass *pass)
{
    if (pass->options.store->n_wishes == 0) {
        return;
    }
    for (size_t i = 0; i < pass->view.n; i++) {
        struct gs_store_node *node = pass->view.more[i].of;
        bool unsent = false;
        for (const struct gs_store_wish *wish = node->wishes; wish != NULL; wish = wish->next) {
            unsent |= !wish->shows && !wish->sent;
        }
        if (unsent && pass->now_us < node->wish_after_us) {
            gs_pass_look_again(pass, node->wish_after_us);
        } else if (unsent && !node->wishing) {
            gs_act_wish(pass->options.act, node);
        }
    }
}
