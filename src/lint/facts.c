#include "lint/facts.h"

#include "core/profile_name.h"

static int keep(struct gs_arena *arena, struct gs_lint_names *names, struct gs_view name)
{
    for (size_t i = 0; i < names->n; i++) {
        if (gs_view_eq(name, names->items[i])) {
            return 0;
        }
    }
    if (names->n == GS_LINT_NAMES_MAX || name.n == 0 || name.n > 256) {
        return 0;
    }
    const char *copy = gs_arena_text(arena, name.p, name.n);
    if (copy == NULL) {
        return GS_NO_MEMORY;
    }
    names->items[names->n++] = copy;
    return 0;
}

struct gs_view gs_lint_profile_of(struct gs_view name)
{
    struct gs_profile_name ignored;
    struct gs_view rest = name;
    (void)gs_view_skip(&rest, "nvidia.com/");
    (void)gs_view_skip(&rest, "mig-");
    return gs_profile_name_read(rest, &ignored, NULL) == 0 ? rest : gs_view("");
}

const char *gs_lint_facts_profile(const struct gs_lint_facts *facts)
{
    return facts->slices.n > 0 ? facts->slices.items[0] : "1g.5gb";
}

static bool starts(struct gs_view text, const char *with)
{
    return gs_view_skip(&text, with);
}

static bool is_slice(struct gs_view key)
{
    return starts(key, "nvidia.com/mig-") && gs_lint_profile_of(key).n > 0;
}

/* Entries of limits and requests. */
static int see_resources(struct gs_arena *arena, const struct gs_lint_node *map,
                         struct gs_lint_facts *facts)
{
    int r = 0;
    const struct gs_lint_node *entry = map != NULL && map->kind == GS_LINT_MAP ? map->first : NULL;
    for (; entry != NULL && r == 0; entry = entry->next) {
        if (is_slice(entry->key)) {
            facts->mixed = true;
            r = keep(arena, &facts->slices, gs_lint_profile_of(entry->key));
        }
    }
    return r;
}

static int see_container(struct gs_arena *arena, const struct gs_lint_node *container,
                         struct gs_lint_facts *facts)
{
    const struct gs_lint_node *resources = gs_lint_get(container, "resources");
    int r = see_resources(arena, gs_lint_get(resources, "limits"), facts);
    r = r < 0 ? r : see_resources(arena, gs_lint_get(resources, "requests"), facts);
    struct gs_view name = gs_lint_text(container, "name");
    struct gs_view image = gs_lint_text(container, "image");
    if (r == 0 && name.n > 0 && image.n > 0) {
        const char *pair =
            gs_arena_printf(arena, "%.*s=%.*s", GS_VIEW_ARGS(name), GS_VIEW_ARGS(image));
        r = pair == NULL ? GS_NO_MEMORY : keep(arena, &facts->images, gs_view(pair));
    }
    return r;
}

/* "mig.profile" as label or as key of a requirement. */
static int see_profile_label(struct gs_arena *arena, const struct gs_lint_node *node,
                             struct gs_lint_facts *facts)
{
    if (gs_view_eq(node->key, "nvidia.com/mig.profile") && node->kind == GS_LINT_SCALAR) {
        return keep(arena, &facts->slices, gs_lint_profile_of(node->text));
    }
    int r = 0;
    if (node->kind != GS_LINT_MAP || node->n > 8 ||
        !gs_view_eq(gs_lint_text(node, "key"), "nvidia.com/mig.profile")) {
        return 0;
    }
    const struct gs_lint_node *values = gs_lint_get(node, "values");
    const struct gs_lint_node *value = values == NULL ? NULL : values->first;
    for (; value != NULL && r == 0; value = value->next) {
        r = keep(arena, &facts->slices, gs_lint_profile_of(value->text));
    }
    return r;
}

/* Containers and labels wherever they are: in pods, templates, and kinds that we do not know. */
static int see_all(struct gs_arena *arena, const struct gs_lint_node *node,
                   struct gs_lint_facts *facts)
{
    int r = see_profile_label(arena, node, facts);
    bool containers = gs_view_eq(node->key, "containers") && node->kind == GS_LINT_LIST;
    for (const struct gs_lint_node *child = node->first; child != NULL && r == 0;
         child = child->next) {
        r = containers ? see_container(arena, child, facts) : 0;
        r = r < 0 ? r : see_all(arena, child, facts);
    }
    return r;
}

static int see_overlay(struct gs_arena *arena, const struct gs_lint_node *root,
                       struct gs_lint_facts *facts)
{
    const struct gs_lint_node *capacity = gs_lint_at(root, "spec", "capacity", NULL);
    int r = 0;
    for (const struct gs_lint_node *entry = capacity == NULL ? NULL : capacity->first;
         entry != NULL && r == 0; entry = entry->next) {
        r = keep(arena, &facts->overlaid, entry->key);
    }
    return r;
}

static int see_types(struct gs_arena *arena, const struct gs_lint_node *list,
                     struct gs_lint_facts *facts)
{
    int r = 0;
    const struct gs_lint_node *item =
        list != NULL && list->kind == GS_LINT_LIST ? list->first : NULL;
    for (; item != NULL && r == 0; item = item->next) {
        r = keep(arena, &facts->types, item->text);
    }
    return r;
}

/* [settings.kubernetes] node-labels = "k=v": what was meant. */
static int see_user_data(struct gs_arena *arena, struct gs_view text, struct gs_lint_facts *facts)
{
    int r = 0;
    while (text.p != NULL && r == 0) {
        struct gs_view line = gs_view_trim(gs_view_split(&text, '\n'));
        if (!gs_view_skip(&line, "node-labels")) {
            continue;
        }
        line = gs_view_trim(line);
        if (gs_view_skip(&line, "=")) {
            line = gs_view_trim(line);
            bool quoted = gs_view_skip(&line, "\"") && line.n > 0 && line.p[line.n - 1] == '"';
            line.n -= quoted ? 1 : 0;
            while (quoted && line.p != NULL && r == 0) {
                r = keep(arena, &facts->labels, gs_view_split(&line, ','));
            }
        }
    }
    return r;
}

static int see_node_class(struct gs_arena *arena, const struct gs_lint_node *root, bool old,
                          struct gs_lint_facts *facts)
{
    struct gs_view name = gs_lint_text(gs_lint_get(root, "metadata"), "name");
    if (facts->node_class == NULL && name.n > 0) {
        facts->node_class = name.p;
    }
    if (!old) {
        return 0;
    }
    const struct gs_lint_node *spec = gs_lint_get(root, "spec");
    int r = see_types(arena, gs_lint_get(spec, "instanceTypes"), facts);
    return r < 0 ? r : see_user_data(arena, gs_lint_text(spec, "userData"), facts);
}

int gs_lint_facts_of_doc(struct gs_arena *arena, const struct gs_lint_node *root,
                         struct gs_lint_facts *facts)
{
    struct gs_view kind = gs_lint_text(root, "kind");
    struct gs_view api = gs_lint_text(root, "apiVersion");
    int r = see_all(arena, root, facts);
    if (r == 0 && gs_view_eq(kind, "NodeOverlay")) {
        r = see_overlay(arena, root, facts);
    }
    bool old_class = gs_view_eq(kind, "AWSNodeTemplate");
    if (r == 0 && (old_class || gs_view_eq(kind, "EC2NodeClass"))) {
        r = see_node_class(arena, root, old_class, facts);
    }
    facts->pools = facts->pools || gs_view_eq(kind, "Provisioner") ||
                   gs_view_eq(kind, "NodeTemplate") ||
                   (gs_view_eq(kind, "NodePool") && starts(api, "karpenter.sh/"));
    return r;
}

static bool holds(struct gs_view text, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= text.n; i++) {
        if ((text.p[i] | 0x20) == word[0] && strncasecmp(text.p + i, word, n) == 0) {
            return true;
        }
    }
    return false;
}

void gs_lint_facts_of_text(struct gs_view text, struct gs_lint_facts *facts)
{
    bool gpu = holds(text, "gpu") || holds(text, "nvidia");
    facts->slicing = facts->slicing || (gpu && (holds(text, "mig") || holds(text, "slic")));
    facts->aws = facts->aws || holds(text, "eks") || holds(text, "karpenter") ||
                 holds(text, "aws") || holds(text, "ec2");
}
