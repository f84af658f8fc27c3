#include "base/cleanup.h"
#include "lint/karpenter.h"

static bool is_bottlerocket(const struct gs_lint_node *provider)
{
    return gs_view_eq_nocase(gs_lint_text(provider, "amiFamily"), "bottlerocket");
}

/* "aws-ids: a,b" are ids, "Name" and everything else are tags. */
static void put_terms(struct gs_buf *out, const struct gs_lint_piece *piece, const char *key,
                      const struct gs_lint_node *selector)
{
    gs_buf_printf(out, "  %s:", key);
    if (selector == NULL || selector->kind != GS_LINT_MAP || selector->n == 0) {
        gs_buf_puts(out, "\n    - tags:\n"
                         "        karpenter.sh/discovery: \"${CLUSTER_NAME}\"  # your cluster\n");
        return;
    }
    bool tags = false;
    for (const struct gs_lint_node *one = selector->first; one != NULL; one = one->next) {
        struct gs_view ids = one->text;
        bool by_id = gs_view_eq(one->key, "aws-ids") || gs_view_eq(one->key, "aws::ids");
        while (by_id && ids.p != NULL) {
            struct gs_view id = gs_view_trim(gs_view_split(&ids, ','));
            gs_buf_printf(out, "\n    - id: \"%.*s\"", GS_VIEW_ARGS(id));
        }
        tags = tags || !by_id;
    }
    gs_buf_puts(out, tags ? "\n    - tags:" : "");
    for (const struct gs_lint_node *one = selector->first; one != NULL; one = one->next) {
        if (!gs_view_eq(one->key, "aws-ids") && !gs_view_eq(one->key, "aws::ids")) {
            gs_buf_printf(out, "\n        \"%.*s\":", GS_VIEW_ARGS(one->key));
            gs_lint_write_value(out, piece, one, 10);
        }
    }
    gs_buf_puts(out, "\n");
}

static void put_image(struct gs_buf *out, const struct gs_lint_old *old, bool bottlerocket)
{
    const struct gs_lint_node *own = gs_lint_get(old->provider, "amiSelector");
    if (own != NULL && own->n > 0) {
        gs_buf_printf(out, "  amiFamily: %s\n", bottlerocket ? "Bottlerocket" : "AL2023");
        put_terms(out, old->piece, "amiSelectorTerms", own);
        return;
    }
    gs_buf_printf(out,
                  "  amiSelectorTerms:\n"
                  "    - alias: %s@latest  # in production: one version\n",
                  bottlerocket ? "bottlerocket" : "al2023");
}

static void put_role(struct gs_buf *out, const struct gs_lint_node *provider)
{
    struct gs_view profile = gs_lint_text(provider, "instanceProfile");
    struct gs_view role = gs_lint_text(provider, "role");
    if (role.n > 0 || profile.n > 0) {
        gs_buf_printf(out, "  %s: \"%.*s\"\n", role.n > 0 ? "role" : "instanceProfile",
                      GS_VIEW_ARGS(role.n > 0 ? role : profile));
    } else {
        gs_buf_puts(out,
                    "  role: \"KarpenterNodeRole-${CLUSTER_NAME}\"  # the role of your nodes\n");
    }
}

/* Fields that have the same name and form in both. */
static void put_same(struct gs_buf *out, const struct gs_lint_old *old)
{
    static const char *const fields[] = {"tags", "blockDeviceMappings", "metadataOptions",
                                         "detailedMonitoring"};
    for (size_t i = 0; i < GS_ARRAY_LEN(fields); i++) {
        const struct gs_lint_node *field = gs_lint_get(old->provider, fields[i]);
        if (field != NULL) {
            gs_buf_printf(out, "  %s:", fields[i]);
            gs_lint_write_value(out, old->piece, field, 4);
            gs_buf_puts(out, "\n");
        }
    }
}

static void put_script(struct gs_buf *out, const char *text)
{
    gs_buf_puts(out, "  userData: |\n");
    for (struct gs_view rest = gs_view(text); rest.p != NULL && rest.n > 0;) {
        struct gs_view line = gs_view_split(&rest, '\n');
        gs_buf_puts(out, line.n == 0 ? "" : "    ");
        gs_buf_put(out, line.p, line.n);
        gs_buf_puts(out, "\n");
    }
}

static void put_user_data(struct gs_buf *out, const struct gs_lint_old *old, bool slices,
                          bool bottlerocket)
{
    const struct gs_lint_node *before = gs_lint_get(old->provider, "userData");
    if (slices && !bottlerocket) {
        gs_buf_puts(out, "  # each node cuts its GPUs as its label nvidia.com/mig.config says\n");
        put_script(out, gs_lint_boot_user_data);
    } else if (before != NULL) {
        gs_buf_puts(out, "  userData:");
        gs_lint_write_value(out, old->piece, before, 4);
        gs_buf_puts(out, "\n");
    }
}

void gs_lint_write_class(const struct gs_lint_work *work, const struct gs_lint_old *old,
                         struct gs_buf *out)
{
    bool slices = work->facts->slices.n > 0;
    /* pods that name a profile: Bottlerocket knows the single strategy only */
    bool bottlerocket = is_bottlerocket(old->provider) && !work->facts->mixed;
    struct gs_view name = old->name.n > 0 ? old->name : gs_view("default");
    gs_buf_printf(out,
                  "apiVersion: karpenter.k8s.aws/v1\n"
                  "kind: EC2NodeClass\n"
                  "metadata:\n"
                  "  name: %.*s\n"
                  "spec:\n",
                  GS_VIEW_ARGS(name));
    put_image(out, old, bottlerocket);
    put_role(out, old->provider);
    put_terms(out, old->piece, "subnetSelectorTerms", gs_lint_get(old->provider, "subnetSelector"));
    put_terms(out, old->piece, "securityGroupSelectorTerms",
              gs_lint_get(old->provider, "securityGroupSelector"));
    put_same(out, old);
    put_user_data(out, old, slices, bottlerocket);
}
