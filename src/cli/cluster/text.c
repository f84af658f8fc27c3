#include "cli/cluster/text.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "wire/kubetime.h"

enum { WIDTH = 80, TEXT_BYTES_MAX = 64 << 10 };

void gs_put_wrapped(struct gs_buf *out, const char *head, const char *text)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf clean;
    gs_buf_init(&clean, TEXT_BYTES_MAX);
    gs_text_clean(&clean, text, strlen(text));
    gs_buf_need(out, &clean);
    size_t indent = gs_text_width(head);
    size_t used = indent;
    const char *at = gs_buf_text(&clean);
    gs_buf_puts(out, head);
    while (at[0] != '\0') {
        size_t n = strcspn(at, " ");
        if (used > indent && used + 1 + n > WIDTH) {
            gs_buf_printf(out, "\n%*s", (int)indent, "");
            used = indent;
        }
        gs_buf_puts(out, used > indent ? " " : "");
        gs_buf_put(out, at, n);
        used += n + (used > indent ? 1 : 0);
        at += n + strspn(at + n, " ");
    }
    gs_buf_puts(out, "\n");
}

void gs_put_unread(const struct gs_scene *scene, struct gs_buf *out)
{
    for (unsigned i = 0; i < GS_SCENE_KINDS; i++) {
        const struct gs_link_list *list = &scene->lists[i];
        if (list->result != 0 && list->status != 404) {
            gs_buf_printf(out, "not read: %ss: ", gs_scene_kind_name((enum gs_scene_kind)i));
            gs_text_clean(out, list->err.msg, strlen(list->err.msg));
            gs_buf_puts(out, "\n");
        }
    }
    if (!gs_scene_has(scene, GS_SCENE_GPUNODES) && scene->lists[GS_SCENE_GPUNODES].status == 404) {
        gs_buf_puts(out, "there are no GpuNodes in this cluster: are the CRDs and the agent "
                         "installed? docs/install.md\n");
    }
    if (scene->left_out > 0) {
        gs_buf_printf(out, "left out: %llu objects that cannot be understood, the first: ",
                      (unsigned long long)scene->left_out);
        gs_text_clean(out, scene->why.msg, strlen(scene->why.msg));
        gs_buf_puts(out, "\n");
    }
}

void gs_put_unread_doc(const struct gs_scene *scene, struct gs_result *result, json_t *at)
{
    json_t *list = gs_result_array(result, at, "notRead");
    for (unsigned i = 0; i < GS_SCENE_KINDS; i++) {
        if (scene->lists[i].result != 0) {
            json_t *one = gs_result_object(result, list, NULL);
            gs_result_text(result, one, "kind", gs_scene_kind_name((enum gs_scene_kind)i));
            gs_result_number(result, one, "status", scene->lists[i].status);
            gs_result_text(result, one, "why", scene->lists[i].err.msg);
        }
    }
    gs_result_number(result, at, "leftOut", scene->left_out);
}

void gs_put_time(struct gs_result *result, json_t *at, const char *key, uint64_t us)
{
    char text[GS_KUBETIME_MAX];
    if (us == 0) {
        gs_result_null(result, at, key);
        return;
    }
    gs_kubetime_format(us, text);
    gs_result_text(result, at, key, text);
}

void gs_put_region_doc(const struct gs_scene *scene, struct gs_result *result, json_t *at)
{
    if (scene->region.name[0] == '\0') {
        gs_result_null(result, at, "region");
        return;
    }
    json_t *one = gs_result_object(result, at, "region");
    gs_result_text(result, one, "name", scene->region.name);
    gs_result_text(result, one, "from", gs_region_words(scene->region.from));
}

void gs_put_controller_doc(const struct gs_scene *scene, struct gs_result *result, json_t *at)
{
    json_t *one = gs_result_object(result, at, "controller");
    bool known = gs_scene_has(scene, GS_SCENE_LEASES);
    bool there = scene->lease.name[0] != '\0';
    if (known) {
        gs_result_bool(result, one, "decides", gs_scene_is_led(scene));
    } else {
        gs_result_null(result, one, "decides");
    }
    gs_result_text(result, one, "version", gs_scene_controller(scene));
    gs_result_text(result, one, "leader", there ? scene->lease.holder : NULL);
    gs_result_text(result, one, "namespace", there ? scene->lease.name_space : NULL);
    gs_put_time(result, one, "renewed", there ? scene->lease.renewed_us : 0);
    if (gs_scene_has(scene, GS_SCENE_WEBHOOKS)) {
        gs_result_text(result, one, "webhook",
                       !scene->has_webhook ? "none"
                       : scene->has_ca     ? "ready"
                                           : "without a certificate");
    } else {
        gs_result_null(result, one, "webhook");
    }
}
