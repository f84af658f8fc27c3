#include "base/cleanup.h"
#include "base/near.h"
#include "core/catalog.h"
#include "lint/manifest.h"

#define CUDA_IMAGE "nvidia/cuda:12.6.0-base-ubuntu22.04"

static bool starts(struct gs_view text, const char *with)
{
    return gs_view_skip(&text, with);
}

/* A slice by its resource, whether or not there is such a profile. */
static bool is_slice(struct gs_view key)
{
    return starts(key, "nvidia.com/mig-") && gs_lint_profile_of(key).n > 0;
}

static bool asks_slice(const struct gs_lint_node *map)
{
    const struct gs_lint_node *entry = map != NULL && map->kind == GS_LINT_MAP ? map->first : NULL;
    while (entry != NULL && !is_slice(entry->key)) {
        entry = entry->next;
    }
    return entry != NULL;
}

static bool is_zero(const struct gs_lint_node *node)
{
    return node->kind == GS_LINT_SCALAR && gs_view_eq(node->text, "0");
}

static void check_both(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                       const struct gs_lint_node *map, bool slices)
{
    const struct gs_lint_node *gpu = gs_lint_get(map, "nvidia.com/gpu");
    if (gpu == NULL || !slices || is_zero(gpu)) {
        return;
    }
    gs_lint_find_node(work, GS_LINT_GPU_AND_SLICE, piece, gpu, "%s",
                      "the slice alone: without this line");
    gs_lint_drop(work, piece, gpu);
}

static void check_profile(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                          const struct gs_lint_node *entry)
{
    struct gs_profile_name name;
    if (gs_profile_name_read(gs_lint_profile_of(entry->key), &name, NULL) < 0 ||
        gs_catalog_has_profile(&name)) {
        return;
    }
    char profile[GS_PROFILE_NAME_MAX + 1];
    gs_profile_name_format(&name, profile);
    struct gs_near near = GS_NEAR_INIT(gs_view(profile));
    size_t n;
    const struct gs_model *models = gs_catalog(&n);
    for (size_t i = 0; i < n; i++) {
        for (unsigned p = 0; p < models[i].n_profiles; p++) {
            gs_near_offer(&near, models[i].profiles[p].name);
        }
    }
    char names[200];
    gs_near_format(&near, names, sizeof(names));
    gs_lint_find_node(work, GS_LINT_NO_SUCH_PROFILE, piece, entry,
                      "a profile that gpuslice profiles lists%s", names);
}

static void check_resources(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                            const struct gs_lint_node *resources, bool *ret_slices, bool *ret_gpus)
{
    const struct gs_lint_node *const maps[] = {gs_lint_get(resources, "limits"),
                                               gs_lint_get(resources, "requests")};
    bool slices = asks_slice(maps[0]) || asks_slice(maps[1]);
    for (size_t i = 0; i < GS_ARRAY_LEN(maps); i++) {
        check_both(work, piece, maps[i], slices);
        const struct gs_lint_node *entry =
            maps[i] != NULL && maps[i]->kind == GS_LINT_MAP ? maps[i]->first : NULL;
        for (; entry != NULL; entry = entry->next) {
            *ret_gpus = *ret_gpus || gs_view_eq(entry->key, "nvidia.com/gpu");
            if (is_slice(entry->key)) {
                check_profile(work, piece, entry);
            }
        }
    }
    *ret_slices = slices;
}

/* Of a container of that name elsewhere in these files, or an image that there is. */
static const char *image_for(const struct gs_lint_work *work, struct gs_view name)
{
    for (size_t i = 0; i < work->facts->images.n; i++) {
        struct gs_view pair = gs_view(work->facts->images.items[i]);
        struct gs_view of = gs_view_split(&pair, '=');
        if (pair.p != NULL && of.n == name.n && name.n > 0 && memcmp(of.p, name.p, of.n) == 0) {
            return pair.p;
        }
    }
    return CUDA_IMAGE "  # put your workload's image here";
}

static void check_image(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                        const struct gs_lint_node *container, bool gpu)
{
    const struct gs_lint_node *image = gs_lint_get(container, "image");
    if (image == NULL) {
        const struct gs_lint_node *name = gs_lint_get(container, "name");
        if (gpu && name != NULL) {
            const char *line = gs_lint_printf(work, "image: %s\n",
                                              image_for(work, gs_lint_text(container, "name")));
            gs_lint_find_node(work, GS_LINT_NO_IMAGE, piece, name, "%.*s", (int)strcspn(line, "\n"),
                              line);
            gs_lint_add(work, piece, container, line);
        }
        return;
    }
    struct gs_view tag = image->text;
    if (gs_view_skip(&tag, "nvidia/cuda:") && tag.n > 0) {
        /* 12.6.0-base-ubuntu22.04: a patch level and a system */
        struct gs_view rest = tag;
        struct gs_view version = gs_view_split(&rest, '-');
        (void)gs_view_split(&version, '.');
        (void)gs_view_split(&version, '.');
        bool system = rest.p != NULL && memchr(rest.p, '-', rest.n) != NULL;
        if (version.p == NULL || !system) {
            gs_lint_find_node(work, GS_LINT_CUDA_TAG, piece, image, "%s", CUDA_IMAGE);
            gs_lint_set(work, piece, image, CUDA_IMAGE);
        }
    }
}

static void check_containers(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                             const struct gs_lint_node *containers)
{
    const struct gs_lint_node *one = containers->kind == GS_LINT_LIST ? containers->first : NULL;
    for (; one != NULL; one = one->next) {
        bool slices = false;
        bool gpus = false;
        check_resources(work, piece, gs_lint_get(one, "resources"), &slices, &gpus);
        check_image(work, piece, one, slices || gpus);
    }
}

/* A node selector, or a requirement of node affinity. Elsewhere, in Karpenter's objects, the label
 * is another rule's. */
static void check_selector(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                           const struct gs_lint_node *node)
{
    const struct gs_lint_node *label = gs_lint_get(node, "nvidia.com/mig.profile");
    if (gs_view_eq(node->key, "nodeSelector") && label != NULL) {
        gs_lint_find_node(work, GS_LINT_PROFILE_LABEL, piece, label, "%s",
                          "nothing: the limit on the slice chooses the node");
        if (!gs_lint_drop(work, piece, label)) {
            gs_lint_drop(work, piece, node);
        }
    }
}

void gs_lint_pods(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                  const struct gs_lint_node *root)
{
    if (root->kind == GS_LINT_MAP) {
        check_selector(work, piece, root);
    }
    for (const struct gs_lint_node *child = root->first; child != NULL; child = child->next) {
        if (gs_view_eq(child->key, "containers") || gs_view_eq(child->key, "initContainers")) {
            check_containers(work, piece, child);
        }
        gs_lint_pods(work, piece, child);
    }
}
