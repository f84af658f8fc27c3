#include "lint/manifest.h"

#include "base/cleanup.h"

static bool is_strategy(struct gs_view text)
{
    return gs_view_eq(text, "none") || gs_view_eq(text, "single") || gs_view_eq(text, "mixed");
}

static void check_value(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                        const struct gs_lint_node *strategy)
{
    if (strategy != NULL && strategy->kind == GS_LINT_SCALAR && !is_strategy(strategy->text)) {
        gs_lint_find_node(work, GS_LINT_STRATEGY_VALUE, piece, strategy, "%s",
                          "mixed (or single, none)");
        gs_lint_set(work, piece, strategy, "mixed");
    }
}

/* Whether `part` of the chart is switched on or off: somebody has thought of it. */
static bool is_decided(const struct gs_lint_node *root, const char *part)
{
    return gs_lint_at(root, part, "enabled", NULL) != NULL;
}

/* The operator's chart: its driver and toolkit are in the EKS images already. */
static void check_driver(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                         const struct gs_lint_node *root, const struct gs_lint_node *mig)
{
    static const char *const parts[] = {"driver", "toolkit"};
    if (!work->facts->aws || (is_decided(root, parts[0]) && is_decided(root, parts[1]))) {
        return;
    }
    gs_lint_find_node(work, GS_LINT_OPERATOR_DRIVER, piece, mig, "%s",
                      "driver.enabled: false, toolkit.enabled: false");
    for (size_t i = 0; i < GS_ARRAY_LEN(parts); i++) {
        const struct gs_lint_node *part = gs_lint_get(root, parts[i]);
        if (part == NULL) {
            gs_lint_add(
                work, piece, root,
                gs_lint_printf(work, "%s:\n  enabled: false  # it is in the EKS AMI\n", parts[i]));
        } else if (!is_decided(root, parts[i])) {
            gs_lint_add(work, piece, part, "enabled: false  # it is in the EKS AMI\n");
        }
    }
}

static void check_manager(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                          const struct gs_lint_node *root, const struct gs_lint_node *strategy)
{
    if (gs_lint_get(root, "migManager") != NULL || gs_view_eq(strategy->text, "none")) {
        return;
    }
    gs_lint_find_node(work, GS_LINT_STRATEGY_CUTS_NOTHING, piece, strategy, "%s",
                      work->facts->pools ? "migManager.enabled: false, and gpuslice-boot"
                                         : "migManager, and node label nvidia.com/mig.config");
    gs_lint_add(
        work, piece, root,
        work->facts->pools
            ? "migManager:\n"
              "  enabled: false  # gpuslice-boot cuts the GPUs before the kubelet starts\n"
            : "migManager:\n"
              "  enabled: true  # cuts the GPUs of nodes with label nvidia.com/mig.config\n");
}

void gs_lint_values(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                    const struct gs_lint_node *root)
{
    if (root->kind != GS_LINT_MAP || gs_lint_get(root, "kind") != NULL ||
        gs_lint_get(root, "apiVersion") != NULL) {
        return;
    }
    check_value(work, piece, gs_lint_get(root, "migStrategy")); /* of the plugin's own chart */
    const struct gs_lint_node *mig = gs_lint_get(root, "mig");
    const struct gs_lint_node *strategy = gs_lint_get(mig, "strategy");
    if (strategy != NULL && strategy->kind == GS_LINT_SCALAR) {
        check_value(work, piece, strategy);
        check_driver(work, piece, root, mig);
        check_manager(work, piece, root, strategy);
    }
}
