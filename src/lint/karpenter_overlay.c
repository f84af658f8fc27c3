#include <ctype.h>

#include "base/cleanup.h"
#include "cloud/instances.h"
#include "lint/karpenter.h"

unsigned gs_lint_slices_of_type(struct gs_view type, const char *profile, unsigned *ret_gpus)
{
    const struct gs_instance *instance;
    if (gs_instance_find(type, &instance, NULL) < 0) {
        return 0;
    }
    *ret_gpus = instance->gpus;
    struct gs_gpu_kind kind = gs_instance_gpu(instance);
    struct gs_profile_name name;
    if (kind.model == NULL || gs_profile_name_read(gs_view(profile), &name, NULL) < 0) {
        return 0;
    }
    int index = gs_model_profile_index(kind.model, &name);
    return index < 0 ? 0 : instance->gpus * kind.model->profiles[index].max_instances;
}

bool gs_lint_is_not_nvidia(struct gs_view type)
{
    static const char *const families[] = {"trn1.", "trn1n.", "trn2.", "trn2u.", "inf1.",
                                           "inf2.", "dl1.",   "dl2q.", "g4ad."};
    for (size_t i = 0; i < GS_ARRAY_LEN(families); i++) {
        struct gs_view rest = type;
        if (gs_view_skip(&rest, families[i])) {
            return true;
        }
    }
    return false;
}

/* "1g.10gb+me" is the resource nvidia.com/mig-1g.10gb.me. */
static void put_resource(struct gs_buf *out, const char *profile)
{
    struct gs_profile_name name;
    char resource[GS_PROFILE_NAME_MAX + 5] = "";
    if (gs_profile_name_read(gs_view(profile), &name, NULL) == 0) {
        gs_profile_name_resource(&name, resource);
    }
    gs_buf_printf(out, "nvidia.com/%s", resource);
}

void gs_lint_write_overlay(struct gs_buf *out, const char *name, const char *pool,
                           struct gs_view type, const char *profile, unsigned weight)
{
    unsigned gpus = 0;
    unsigned slices = gs_lint_slices_of_type(type, profile, &gpus);
    gs_buf_printf(out,
                  "apiVersion: karpenter.sh/v1alpha1\n"
                  "kind: NodeOverlay  # wants Karpenter's feature gate NodeOverlay\n"
                  "metadata:\n"
                  "  name: %s\n"
                  "spec:\n"
                  "  weight: %u\n"
                  "  requirements:\n"
                  "    - {key: karpenter.sh/nodepool, operator: In, values: [\"%s\"]}\n"
                  "    - {key: node.kubernetes.io/instance-type, operator: In, values: "
                  "[\"%.*s\"]}\n"
                  "  capacity:\n    ",
                  name, weight, pool, GS_VIEW_ARGS(type));
    put_resource(out, profile);
    gs_buf_printf(out,
                  ": \"%u\"  # %u GPU%s, %u slices each\n"
                  "    nvidia.com/gpu: \"0\"  # none is left whole\n",
                  slices, gpus, gpus == 1 ? "" : "s", gpus == 0 ? 0 : slices / gpus);
}

static void put_line_start(struct gs_buf *out, unsigned indent)
{
    gs_buf_printf(out, "\n%*s", (int)indent, "");
}

/* A block scalar, or one that the source has over several lines. */
static void put_lines(struct gs_buf *out, struct gs_view text, unsigned indent)
{
    gs_buf_puts(out, " |");
    while (text.p != NULL && text.n > 0) {
        struct gs_view line = gs_view_split(&text, '\n');
        if (line.n == 0) {
            gs_buf_puts(out, "\n");
        } else {
            put_line_start(out, indent);
            gs_buf_put(out, line.p, line.n);
        }
    }
}

static void put_quoted(struct gs_buf *out, struct gs_view text)
{
    gs_buf_puts(out, " '");
    for (size_t i = 0; i < text.n; i++) {
        gs_buf_put(out, text.p + i, 1);
        if (text.p[i] == '\'') {
            gs_buf_puts(out, "'");
        }
    }
    gs_buf_puts(out, "'");
}

static void put_scalar(struct gs_buf *out, const struct gs_lint_piece *piece,
                       const struct gs_lint_node *node, unsigned indent)
{
    uint32_t n = node->end - node->start;
    const char *source = piece->text.p + node->start;
    if (memchr(node->text.p, '\n', node->text.n) != NULL) {
        put_lines(out, node->text, indent);
    } else if (n == 0) {
        gs_buf_puts(out, " ''");
    } else if (memchr(source, '\n', n) != NULL || source[0] == '|' || source[0] == '>' ||
               source[0] == '&' || source[0] == '!') {
        put_quoted(out, node->text);
    } else {
        gs_buf_puts(out, " ");
        gs_buf_put(out, source, n);
    }
}

void gs_lint_write_value(struct gs_buf *out, const struct gs_lint_piece *piece,
                         const struct gs_lint_node *node, unsigned indent)
{
    if (node->kind == GS_LINT_SCALAR) {
        put_scalar(out, piece, node, indent);
        return;
    }
    if (node->n == 0) {
        gs_buf_puts(out, node->kind == GS_LINT_LIST ? " []" : " {}");
        return;
    }
    for (const struct gs_lint_node *child = node->first; child != NULL; child = child->next) {
        put_line_start(out, indent);
        if (node->kind == GS_LINT_LIST) {
            gs_buf_puts(out, "-");
        } else {
            gs_buf_put(out, piece->text.p + child->key_start, child->key_end - child->key_start);
            gs_buf_puts(out, ":");
        }
        gs_lint_write_value(out, piece, child, indent + 2);
    }
}
