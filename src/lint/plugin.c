#include "lint/manifest.h"

#include "base/cleanup.h"

#define PLUGIN_IMAGE "nvidia/k8s-device-plugin:v0.20.0" /* the registry is the reader's to name */

static bool holds(struct gs_view text, const char *part)
{
    return text.n > 0 && memmem(text.p, text.n, part, strlen(part)) != NULL;
}

/* The container of a device plugin, by its image or, where that is left open, by its name. */
static const struct gs_lint_node *plugin_of(const struct gs_lint_node *pod)
{
    const struct gs_lint_node *containers = gs_lint_get(pod, "containers");
    const struct gs_lint_node *one =
        containers != NULL && containers->kind == GS_LINT_LIST ? containers->first : NULL;
    while (one != NULL && !holds(gs_lint_text(one, "image"), "k8s-device-plugin") &&
           !holds(gs_lint_text(one, "name"), "nvidia-device-plugin")) {
        one = one->next;
    }
    return one;
}

/* What stands behind a flag on its line is a comment on it, and goes with it. */
static uint32_t with_comment(const struct gs_lint_piece *piece, uint32_t end)
{
    uint32_t line = gs_lint_piece_line(piece, end - 1);
    struct gs_view text = gs_lint_piece_line_text(piece, line);
    uint32_t line_end = piece->lines[line].at + (uint32_t)text.n;
    struct gs_view rest =
        gs_view_trim((struct gs_view){piece->text.p + end, line_end > end ? line_end - end : 0});
    return rest.n > 0 && rest.p[0] == '#' ? line_end : end;
}

static void check_flag(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                       const struct gs_lint_node *arg)
{
    struct gs_view flag = arg->text;
    struct gs_view name = gs_view_split(&flag, '=');
    if (gs_view_eq(name, "--enable-mig")) {
        gs_lint_find_node(work, GS_LINT_PLUGIN_FLAG, piece, arg, "%s", "--mig-strategy=mixed");
        if (arg->parent->flow || arg->quoted) {
            gs_lint_set(work, piece, arg, "--mig-strategy=mixed");
        } else {
            gs_lint_replace(work, piece, arg->start, with_comment(piece, arg->end),
                            "--mig-strategy=mixed");
        }
    } else if (gs_view_eq(name, "--verbose")) {
        gs_lint_find_node(work, GS_LINT_PLUGIN_FLAG, piece, arg, "%s", "nothing");
        gs_lint_drop(work, piece, arg);
    } else if (gs_view_eq(name, "--mig-strategy") && flag.p != NULL && !gs_view_eq(flag, "none") &&
               !gs_view_eq(flag, "single") && !gs_view_eq(flag, "mixed")) {
        gs_lint_find_node(work, GS_LINT_STRATEGY_VALUE, piece, arg, "%s",
                          "--mig-strategy=mixed (or single, none)");
        gs_lint_set(work, piece, arg, "--mig-strategy=mixed");
    }
}

static void check_container(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                            const struct gs_lint_node *plugin)
{
    static const char *const lists[] = {"args", "command"};
    for (size_t i = 0; i < GS_ARRAY_LEN(lists); i++) {
        const struct gs_lint_node *list = gs_lint_get(plugin, lists[i]);
        const struct gs_lint_node *arg =
            list != NULL && list->kind == GS_LINT_LIST ? list->first : NULL;
        for (; arg != NULL; arg = arg->next) {
            check_flag(work, piece, arg);
        }
    }
    const struct gs_lint_node *image = gs_lint_get(plugin, "image");
    if (image != NULL && image->text.n > 1 && image->text.p[0] == '<') {
        gs_lint_find_node(work, GS_LINT_PLACEHOLDER, piece, image, "%s", PLUGIN_IMAGE);
        gs_lint_set(work, piece, image, PLUGIN_IMAGE);
    }
}

static bool mounts_sockets(const struct gs_lint_node *plugin)
{
    const struct gs_lint_node *list = gs_lint_get(plugin, "volumeMounts");
    const struct gs_lint_node *one =
        list != NULL && list->kind == GS_LINT_LIST ? list->first : NULL;
    while (one != NULL && !holds(gs_lint_text(one, "mountPath"), "/var/lib/kubelet")) {
        one = one->next;
    }
    return one != NULL;
}

static void check_pod(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                      const struct gs_lint_node *pod, const struct gs_lint_node *plugin)
{
    const struct gs_lint_node *name = gs_lint_get(plugin, "name");
    name = name == NULL ? plugin : name;
    if (!mounts_sockets(plugin)) {
        gs_lint_find_node(work, GS_LINT_PLUGIN_NO_SOCKETS, piece, name, "%s",
                          "the host's /var/lib/kubelet/device-plugins mounted at the same path");
        if (gs_lint_get(plugin, "volumeMounts") == NULL && gs_lint_get(pod, "volumes") == NULL) {
            gs_lint_add(work, piece, plugin,
                        "volumeMounts:\n"
                        "  - name: device-plugins\n"
                        "    mountPath: /var/lib/kubelet/device-plugins\n");
            gs_lint_add(work, piece, pod,
                        "volumes:\n"
                        "  - name: device-plugins\n"
                        "    hostPath:\n"
                        "      path: /var/lib/kubelet/device-plugins\n");
        }
    }
    if (gs_lint_get(pod, "tolerations") == NULL) {
        gs_lint_find_node(work, GS_LINT_PLUGIN_NO_TOLERATIONS, piece, name, "%s",
                          "tolerations for the taints of GPU nodes and the startup taint");
        gs_lint_add(work, piece, pod,
                    "tolerations:\n"
                    "  - operator: Exists  # the plugin has to run before startup taints go\n");
    }
}

/* A DaemonSet has to select the labels of its pods. */
static void check_selector(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                           const struct gs_lint_node *root)
{
    const struct gs_lint_node *spec = gs_lint_get(root, "spec");
    const struct gs_lint_node *template = gs_lint_get(spec, "template");
    const struct gs_lint_node *name = gs_lint_at(root, "metadata", "name", NULL);
    const struct gs_lint_node *meta = gs_lint_get(template, "metadata");
    if (gs_lint_get(spec, "selector") != NULL || template == NULL || name == NULL) {
        return;
    }
    gs_lint_find_node(work, GS_LINT_NO_SELECTOR, piece, spec,
                      "spec.selector.matchLabels and the same labels in the template");
    if (meta != NULL || spec->flow || template->flow) {
        return; /* whose labels are to be selected is for a person to say */
    }
    gs_lint_add(work, piece, spec,
                gs_lint_printf(work, "selector:\n  matchLabels:\n    name: %.*s\n",
                               GS_VIEW_ARGS(name->text)));
    gs_lint_add(
        work, piece, template,
        gs_lint_printf(work, "metadata:\n  labels:\n    name: %.*s\n", GS_VIEW_ARGS(name->text)));
}

void gs_lint_plugin(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                    const struct gs_lint_node *root)
{
    const struct gs_lint_node *pod = gs_lint_at(root, "spec", "template", "spec", NULL);
    const struct gs_lint_node *plugin = plugin_of(pod);
    if (plugin == NULL || !gs_view_eq(gs_lint_text(root, "kind"), "DaemonSet")) {
        return;
    }
    check_selector(work, piece, root);
    check_container(work, piece, plugin);
    check_pod(work, piece, pod, plugin);
}
