#include "wire/kubeplan.h"

#include "wire/kubejson.h"

/* Reading one file: objects go through `scratch`, which is emptied behind each of them. */
struct reading {
    struct gs_kubeplan *plan;
    struct gs_arena *arena;
    struct gs_arena *scratch;
};

static int take_pod(void *ctx, const struct json_t *object, struct gs_err *err)
{
    struct reading *reading = ctx;
    struct gs_kubepod pod;
    struct gs_arena_mark mark = gs_arena_mark(reading->scratch);
    int r = gs_kubepod_parse(object, reading->scratch, &pod, err);
    r = r == 0 ? gs_kubeplan_add_pod(reading->plan, &pod, err) : r;
    gs_arena_rewind(reading->scratch, mark);
    return r;
}

/* Most nodes of a cluster have no GPU: only those that do are read into what is kept. */
static int take_node(void *ctx, const struct json_t *object, struct gs_err *err)
{
    struct reading *reading = ctx;
    struct gs_kubenode first;
    const struct gs_kubenode *node = &first;
    struct gs_arena_mark mark = gs_arena_mark(reading->scratch);
    int r = gs_kubenode_parse(object, reading->scratch, &first, err);
    if (r == 0 && (first.gpus > 0 || first.n_slices > 0)) {
        struct gs_kubenode *kept = GS_ARENA_NEW(reading->arena, struct gs_kubenode, 1);
        r = kept == NULL ? gs_kubejson_no_memory(err)
                         : gs_kubenode_parse(object, reading->arena, kept, err);
        node = kept;
    }
    r = r == 0 ? gs_kubeplan_add_node(reading->plan, node, err) : r;
    gs_arena_rewind(reading->scratch, mark);
    return r;
}

static int read_file(const struct gs_kubeplan_file *file, const char *kind, struct reading *reading,
                     int (*take)(void *, const struct json_t *, struct gs_err *),
                     struct gs_err *err)
{
    struct gs_kubelist_options options = {.label = file->label, .kind = kind, .size = file->size};
    /* Something below every mark keeps the first block from being given back each time. */
    int r = gs_arena_get(reading->scratch, 1, 1) == NULL ? gs_kubejson_no_memory(err) : 0;
    struct gs_kubelist_sink sink = {.take = take, .ctx = reading};
    r = r == 0 ? gs_kubelist_read(&options, file->source, sink, NULL, err) : r;
    gs_arena_done(reading->scratch);
    return r;
}

static int read_nodes(const struct gs_kubeplan_file *file, struct reading *reading,
                      struct gs_err *err)
{
    int r = read_file(file, "Node", reading, take_node, err);
    if (r != 0) {
        return r;
    }
    r = gs_kubeplan_end_nodes(reading->plan, err);
    return r == 0 ? 0 : gs_wrap(err, r, "%s", file->label);
}

int gs_kubeplan_read(const struct gs_kubeplan_file *pods, const struct gs_kubeplan_file *nodes,
                     struct gs_arena *arena, struct gs_arena *scratch, struct gs_demand *demand,
                     const struct gs_kubeplan_summary **ret, struct gs_err *err)
{
    struct reading reading = {
        .plan = gs_kubeplan_new(arena, nodes != NULL),
        .arena = arena,
        .scratch = scratch,
    };
    if (reading.plan == NULL) {
        return gs_kubejson_no_memory(err);
    }
    int r = nodes == NULL ? 0 : read_nodes(nodes, &reading, err);
    r = r == 0 ? read_file(pods, "Pod", &reading, take_pod, err) : r;
    return r == 0 ? gs_kubeplan_finish(reading.plan, demand, ret, err) : r;
}
