#include "lint/karpenter.h"

#include <ctype.h>

#include "base/cleanup.h"

struct checker {
    struct gs_lint_work *work;
    const struct gs_lint_piece *piece;
    const struct gs_lint_doc *doc;
    const struct gs_lint_node *spec;
    bool anew; /* the object is made anew, and with it all that is found in it corrected */
};

static void found(const struct checker *checker, enum gs_lint_rule_id rule,
                  const struct gs_lint_node *node, const char *instead)
{
    gs_lint_find_node(checker->work, rule, checker->piece, node, "%s", instead);
    if (checker->anew && checker->work->kept && checker->work->n_findings > 0) {
        checker->work->findings[checker->work->n_findings - 1].corrected = true;
    }
}

static bool starts(struct gs_view text, const char *with)
{
    return gs_view_skip(&text, with);
}

/* ------------------------------------------------------------------ what all of them may have */

static void check_profile_labels(const struct checker *checker, const struct gs_lint_node *node,
                                 unsigned depth)
{
    bool requirement = node->kind == GS_LINT_MAP &&
                       gs_view_eq(gs_lint_text(node, "key"), "nvidia.com/mig.profile");
    struct gs_view named = gs_lint_profile_of(node->text);
    struct gs_view profile =
        named.n > 0 ? named : gs_view(gs_lint_facts_profile(checker->work->facts));
    if (requirement) {
        found(checker, GS_LINT_PROFILE_LABEL, gs_lint_get(node, "key"),
              "a NodeOverlay that adds the slices");
        if (!checker->anew) {
            gs_lint_drop(checker->work, checker->piece, node);
        }
    } else if (gs_view_eq(node->key, "nvidia.com/mig.profile")) {
        found(checker, GS_LINT_PROFILE_LABEL, node,
              gs_lint_printf(checker->work, "nvidia.com/mig.config: all-%.*s",
                             GS_VIEW_ARGS(profile)));
        if (!checker->anew) {
            const char *quote = checker->piece->text.p[node->key_start] == '"' ? "\"" : "";
            gs_lint_replace(checker->work, checker->piece, node->key_start, node->end,
                            gs_lint_printf(checker->work, "%snvidia.com/mig.config%s: %sall-%.*s%s",
                                           quote, quote, quote, GS_VIEW_ARGS(profile), quote));
        }
    }
    for (const struct gs_lint_node *child = node->first; child != NULL && depth > 0;
         child = child->next) {
        check_profile_labels(checker, child, depth - 1);
    }
}

/* Instance types of others in a requirement or a list. */
static void check_types(const struct checker *checker, const struct gs_lint_node *types)
{
    const struct gs_lint_node *one =
        types != NULL && types->kind == GS_LINT_LIST ? types->first : NULL;
    for (; one != NULL; one = one->next) {
        if (gs_lint_is_not_nvidia(one->text) && checker->work->facts->slices.n > 0) {
            found(checker, GS_LINT_NOT_NVIDIA, one,
                  "a type with GPUs that can be cut: p5.48xlarge");
            if (!checker->anew) {
                gs_lint_drop(checker->work, checker->piece, one);
            }
        }
    }
}

/* The values of the requirement on the instance type. */
static const struct gs_lint_node *types_of(const struct gs_lint_node *spec)
{
    const struct gs_lint_node *list = gs_lint_get(spec, "requirements");
    const struct gs_lint_node *one =
        list != NULL && list->kind == GS_LINT_LIST ? list->first : NULL;
    while (one != NULL &&
           !(gs_view_eq(gs_lint_text(one, "key"), "node.kubernetes.io/instance-type") &&
             gs_view_eq(gs_lint_text(one, "operator"), "In"))) {
        one = one->next;
    }
    return gs_lint_get(one, "values");
}

static void check_selectors(const struct checker *checker, const struct gs_lint_node *provider)
{
    static const char *const names[] = {"subnetSelector", "securityGroupSelector", "amiSelector"};
    for (size_t i = 0; i < GS_ARRAY_LEN(names); i++) {
        const struct gs_lint_node *selector = gs_lint_get(provider, names[i]);
        if (selector != NULL) {
            found(checker, GS_LINT_OLD_SELECTORS, selector,
                  gs_lint_printf(checker->work, "%sTerms: [{tags: {...}}]", names[i]));
        }
    }
    const struct gs_lint_node *template = gs_lint_get(provider, "launchTemplate");
    if (template != NULL) {
        found(checker, GS_LINT_LAUNCH_TEMPLATE, template,
              "amiSelectorTerms and userData of an EC2NodeClass");
    }
}

/* An image of the user's own, which may be of a family that EKS has no image of any more. */
static bool has_own_image(const struct gs_lint_node *provider)
{
    const struct gs_lint_node *terms = gs_lint_get(provider, "amiSelectorTerms");
    const struct gs_lint_node *one = terms == NULL ? NULL : terms->first;
    while (one != NULL && gs_lint_get(one, "alias") == NULL) {
        one = one->next;
    }
    return gs_lint_get(provider, "amiSelector") != NULL || (terms != NULL && one == NULL);
}

static void check_family(const struct checker *checker, const struct gs_lint_node *provider)
{
    const struct gs_lint_node *family = gs_lint_get(provider, "amiFamily");
    bool replaced = checker->anew;
    if (family != NULL && gs_view_eq_nocase(family->text, "al2") && !has_own_image(provider)) {
        found(checker, GS_LINT_AL2, family, replaced ? "alias: al2023@latest" : "AL2023");
        if (!replaced) {
            gs_lint_set(checker->work, checker->piece, family, "AL2023");
        }
    }
    const struct gs_lint_node *terms = gs_lint_get(provider, "amiSelectorTerms");
    bool alias = false;
    for (const struct gs_lint_node *one = terms == NULL ? NULL : terms->first; one != NULL;
         one = one->next) {
        const struct gs_lint_node *node = gs_lint_get(one, "alias");
        alias = alias || (node != NULL && starts(node->text, "bottlerocket@"));
        if (node != NULL && starts(node->text, "al2@")) {
            found(checker, GS_LINT_AL2, node, "alias: al2023@latest");
            gs_lint_set(checker->work, checker->piece, node, "al2023@latest");
        }
    }
    bool bottlerocket = family != NULL && gs_view_eq_nocase(family->text, "bottlerocket");
    if ((bottlerocket || alias) && checker->work->facts->mixed) {
        found(checker, GS_LINT_BOTTLEROCKET_MIXED, bottlerocket ? family : terms,
              "AL2023 with gpuslice-boot; or pods that ask for nvidia.com/gpu");
    }
}

/* ------------------------------------------------------------------ objects made anew */

/* A name that can be written as it is. */
static bool is_plain_name(struct gs_view name)
{
    bool good = name.n > 0 && name.n < 190;
    for (size_t i = 0; i < name.n && good; i++) {
        unsigned char c = (unsigned char)name.p[i];
        good = isalnum(c) || c == '-' || c == '.';
    }
    return good;
}

static void make_anew(const struct checker *checker, const struct gs_lint_old *old, bool pools,
                      bool class)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, GS_LINT_TEXT_MAX);
    if (pools) {
        gs_lint_write_pools(checker->work, old, &out);
    }
    if (class) {
        gs_buf_puts(&out, pools ? "---\n" : "");
        gs_lint_write_class(checker->work, old, &out);
    }
    checker->work->failed = checker->work->failed || !gs_buf_ok(&out);
    uint32_t first = gs_lint_piece_line(checker->piece, checker->doc->start);
    uint32_t last = gs_lint_piece_line(checker->piece, checker->doc->end - 1);
    gs_lint_replace_lines(checker->work, checker->piece, first, last + 1, gs_buf_text(&out));
}

/* Makes the object anew, if it can be, and reports it. */
static void replace(struct checker *checker, enum gs_lint_rule_id rule,
                    const struct gs_lint_old *old, bool pools, bool class, const char *instead)
{
    const struct gs_lint_node *root = checker->doc->root;
    checker->anew = is_plain_name(old->name) && !root->flow && checker->spec != NULL;
    const struct gs_lint_node *api = gs_lint_get(root, "apiVersion");
    gs_lint_find_node(checker->work, rule, checker->piece,
                      api == NULL ? gs_lint_get(root, "kind") : api, "%s", instead);
    if (checker->anew) {
        make_anew(checker, old, pools, class);
    }
}

static struct gs_lint_old old_of(const struct checker *checker)
{
    return (struct gs_lint_old){
        .piece = checker->piece,
        .name = gs_lint_text(gs_lint_get(checker->doc->root, "metadata"), "name"),
        .spec = checker->spec,
        .types = types_of(checker->spec),
    };
}

static void check_provisioner(struct checker *checker)
{
    struct gs_lint_old old = old_of(checker);
    const struct gs_lint_node *limits = gs_lint_get(checker->spec, "limits");
    const struct gs_lint_node *resources = gs_lint_get(limits, "resources");
    old.limits = resources != NULL ? resources : limits;
    old.provider = gs_lint_get(checker->spec, "provider");
    replace(checker, GS_LINT_PROVISIONER, &old, true, old.provider != NULL,
            "karpenter.sh/v1, kind: NodePool, with a NodeOverlay where it is to serve slices");
    check_types(checker, old.types);
    if (resources != NULL) {
        found(checker, GS_LINT_OLD_LIMITS, limits, "spec.limits without resources");
    }
    if (old.provider != NULL) {
        check_family(checker, old.provider);
        check_selectors(checker, old.provider);
    }
}

static void check_aws_node_template(struct checker *checker)
{
    struct gs_lint_old old = old_of(checker);
    old.provider = checker->spec;
    replace(checker, GS_LINT_AWS_NODE_TEMPLATE, &old, false, true,
            "karpenter.k8s.aws/v1, kind: EC2NodeClass");
    check_family(checker, checker->spec);
    check_selectors(checker, checker->spec);
    const struct gs_lint_node *types = gs_lint_get(checker->spec, "instanceTypes");
    if (types != NULL) {
        found(checker, GS_LINT_NO_FIELD, types,
              "requirements of the NodePool: node.kubernetes.io/instance-type");
        check_types(checker, types);
    }
}

/* Of node.k8s.io, which some guides made up. */
static void check_node_template(struct checker *checker)
{
    struct gs_lint_old old = old_of(checker);
    const struct gs_lint_node *provider = gs_lint_get(checker->spec, "provider");
    const struct gs_lint_node *ec2 = gs_lint_get(provider, "ec2");
    old.provider = ec2 != NULL ? ec2 : provider != NULL ? provider : checker->spec;
    old.limits = gs_lint_get(checker->spec, "limits");
    if (old.types == NULL) {
        old.types = gs_lint_get(old.provider, "instanceType");
    }
    replace(checker, GS_LINT_NODE_TEMPLATE, &old, true, true,
            "a NodePool, a NodeOverlay and an EC2NodeClass");
    check_family(checker, old.provider);
    check_selectors(checker, old.provider);
    check_types(checker, old.types);
}

/* ------------------------------------------------------------------ objects of today */

static bool is_overlaid(const struct gs_lint_facts *facts, const char *profile)
{
    for (size_t i = 0; i < facts->overlaid.n; i++) {
        struct gs_view of = gs_lint_profile_of(gs_view(facts->overlaid.items[i]));
        if (gs_view_eq(of, profile)) {
            return true;
        }
    }
    return false;
}

/* Whether some type of the pool has the slice, and no overlay says so. */
static bool lacks_overlay(const struct gs_lint_facts *facts, const struct gs_lint_node *types,
                          const char *profile)
{
    const struct gs_lint_node *type =
        types != NULL && types->kind == GS_LINT_LIST ? types->first : NULL;
    unsigned gpus;
    while (type != NULL && gs_lint_slices_of_type(type->text, profile, &gpus) == 0) {
        type = type->next;
    }
    return type != NULL && !is_overlaid(facts, profile);
}

/* Behind the pool: an overlay for each of its types that has the slice. */
static void add_overlays(const struct checker *checker, const struct gs_lint_node *name,
                         const struct gs_lint_node *types, const char *profile)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, GS_LINT_TEXT_MAX);
    unsigned weight = 100;
    unsigned gpus;
    for (const struct gs_lint_node *one = types->first; one != NULL; one = one->next) {
        if (gs_lint_slices_of_type(one->text, profile, &gpus) > 0) {
            const char *own = weight == 100 ? name->text.p
                                            : gs_lint_printf(checker->work, "%.*s-%u",
                                                             GS_VIEW_ARGS(name->text), weight);
            gs_buf_puts(&out, "---\n");
            gs_lint_write_overlay(&out, own, name->text.p, one->text, profile, weight++);
        }
    }
    uint32_t last = gs_lint_piece_line(checker->piece, checker->doc->end - 1);
    checker->work->failed = checker->work->failed || !gs_buf_ok(&out);
    gs_lint_replace_lines(checker->work, checker->piece, last + 1, last + 1, gs_buf_text(&out));
}

/* The label by which the boot step knows the layout; false: there is no place for it. */
static bool add_layout(const struct checker *checker, const struct gs_lint_node *template,
                       const char *profile)
{
    const char *label = gs_lint_printf(checker->work, "nvidia.com/mig.config: all-%s\n", profile);
    const struct gs_lint_node *meta = gs_lint_get(template, "metadata");
    const struct gs_lint_node *labels = gs_lint_get(meta, "labels");
    if (labels != NULL) {
        return gs_lint_add(checker->work, checker->piece, labels, label);
    }
    if (meta != NULL) {
        return gs_lint_add(checker->work, checker->piece, meta,
                           gs_lint_printf(checker->work, "labels:\n  %s", label));
    }
    return gs_lint_add(checker->work, checker->piece, template,
                       gs_lint_printf(checker->work, "metadata:\n  labels:\n    %s", label));
}

/* The layout that the pool's label names: "all-1g.5gb" is a profile, everything else a word. */
static struct gs_view layout_of(const struct gs_lint_node *template)
{
    const struct gs_lint_node *labels = gs_lint_at(template, "metadata", "labels", NULL);
    struct gs_view layout = gs_lint_text(labels, "nvidia.com/mig.config");
    (void)gs_view_skip(&layout, "all-");
    return layout.n > 0 ? layout
                        : gs_lint_profile_of(gs_lint_text(labels, "nvidia.com/mig.profile"));
}

/* A pool has one layout, so that one slice is added to it: the one that its label names, or the
 * only one that is asked for. Of several a person has to choose. */
static void check_overlay(const struct checker *checker, const struct gs_lint_node *types)
{
    const struct gs_lint_facts *facts = checker->work->facts;
    const struct gs_lint_node *name = gs_lint_at(checker->doc->root, "metadata", "name", NULL);
    const struct gs_lint_node *template = gs_lint_get(checker->spec, "template");
    struct gs_view layout = layout_of(template);
    const char *chosen = NULL;
    size_t n = 0;
    for (size_t i = 0; i < facts->slices.n; i++) {
        bool named = layout.n == 0 || gs_view_eq(layout, facts->slices.items[i]) ||
                     gs_lint_profile_of(layout).n == 0;
        if (named && lacks_overlay(facts, types, facts->slices.items[i])) {
            chosen = n == 0 ? facts->slices.items[i] : chosen;
            n++;
        }
    }
    if (n == 0 || name == NULL) {
        return;
    }
    bool known = gs_view_eq(layout, chosen) || (layout.n == 0 && n == 1);
    found(checker, GS_LINT_NO_OVERLAY, name,
          known ? gs_lint_printf(checker->work, "a NodeOverlay with capacity for mig-%s", chosen)
                : "a NodePool with a NodeOverlay for each layout");
    bool writable = known && is_plain_name(name->text) && !checker->doc->root->flow;
    if (writable && (layout.n > 0 || add_layout(checker, template, chosen))) {
        add_overlays(checker, name, types, chosen);
    }
}

static void check_node_pool(const struct checker *checker)
{
    const struct gs_lint_node *limits = gs_lint_at(checker->spec, "limits", "resources", NULL);
    const struct gs_lint_node *types =
        types_of(gs_lint_at(checker->spec, "template", "spec", NULL));
    if (limits != NULL && limits->kind == GS_LINT_MAP) {
        found(checker, GS_LINT_OLD_LIMITS, limits, "spec.limits without resources");
    }
    check_types(checker, types);
    check_overlay(checker, types);
}

static void check_node_class(const struct checker *checker)
{
    check_family(checker, checker->spec);
    check_selectors(checker, checker->spec);
    const struct gs_lint_node *types = gs_lint_get(checker->spec, "instanceTypes");
    if (types != NULL) {
        found(checker, GS_LINT_NO_FIELD, types,
              "requirements of the NodePool: node.kubernetes.io/instance-type");
        gs_lint_drop(checker->work, checker->piece, types);
    }
}

void gs_lint_karpenter(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                       const struct gs_lint_doc *doc)
{
    struct checker checker = {
        .work = work, .piece = piece, .doc = doc, .spec = gs_lint_get(doc->root, "spec")};
    struct gs_view kind = gs_lint_text(doc->root, "kind");
    struct gs_view api = gs_lint_text(doc->root, "apiVersion");
    if (gs_view_eq(kind, "Provisioner") && starts(api, "karpenter.sh/")) {
        check_provisioner(&checker);
    } else if (gs_view_eq(kind, "AWSNodeTemplate")) {
        check_aws_node_template(&checker);
    } else if (gs_view_eq(kind, "NodeTemplate") &&
               (starts(api, "node.k8s.io/") || starts(api, "karpenter"))) {
        check_node_template(&checker);
    } else if (gs_view_eq(kind, "NodePool") && starts(api, "karpenter.sh/")) {
        check_node_pool(&checker);
    } else if (gs_view_eq(kind, "EC2NodeClass") && starts(api, "karpenter.k8s.aws/")) {
        check_node_class(&checker);
    } else {
        return;
    }
    check_profile_labels(&checker, doc->root, GS_LINT_DEPTH_MAX);
}
