#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "cli/cluster/status.h"
#include "cli/cluster/text.h"
#include "cli/draw.h"
#include "core/catalog.h"

enum { LINE_BYTES_MAX = 64 << 10, IMAGES_MAX = 8 };

/* ---- who decides, versions ---- */

/* Only SlicePools need them. */
static void put_prices(const struct gs_scene *scene, struct gs_buf *out)
{
    if (scene->n_pools > 0) {
        bool known = scene->region.name[0] != '\0';
        gs_buf_printf(out, "prices      %s%s%s%s\n", known ? "of " : "",
                      known ? scene->region.name : "of no region that is known: --region",
                      known ? ": " : "", known ? gs_region_words(scene->region.from) : "");
    }
}

static void put_controller(const struct gs_scene *scene, struct gs_buf *out)
{
    const struct gs_kubelease *lease = &scene->lease;
    char age[GS_SCENE_AGE_MAX];
    if (!gs_scene_has(scene, GS_SCENE_LEASES)) {
        gs_buf_puts(out, "controller  not known\n");
    } else if (lease->name[0] == '\0') {
        gs_buf_puts(out, "controller  none\n");
    } else {
        gs_scene_format_age(gs_scene_age_s(scene, lease->renewed_us), age);
        const char *version = gs_scene_controller(scene);
        gs_buf_printf(out, "controller  %s %s, Lease %s/%s renewed %s ago%s%s\n",
                      lease->holder[0] == '\0' ? "nobody" : lease->holder,
                      gs_scene_is_led(scene) ? "decides" : "decided last", lease->name_space,
                      lease->name, age, version == NULL ? "" : ", version ",
                      version == NULL ? "" : version);
    }
    gs_buf_printf(out, "webhook     %s\n",
                  !gs_scene_has(scene, GS_SCENE_WEBHOOKS) ? "not known"
                  : !scene->has_webhook                   ? "none: pods come without the gate"
                  : scene->has_ca                         ? "ready"
                                                          : "without a certificate");
}

/* Images of our pods and how many run each; those of agents and controllers in turn. */
static void put_images(const struct gs_scene *scene, bool agents, struct gs_buf *out)
{
    const char *images[IMAGES_MAX];
    unsigned counts[IMAGES_MAX] = {0};
    unsigned ready = 0;
    size_t n = 0;
    for (size_t i = 0; i < scene->n_programs; i++) {
        size_t k = 0;
        if (scene->programs[i].is_agent != agents) {
            continue;
        }
        ready += scene->programs[i].ready;
        while (k < n && strcmp(images[k], scene->programs[i].image) != 0) {
            k++;
        }
        if (k == IMAGES_MAX) {
            continue;
        }
        images[k] = scene->programs[i].image;
        counts[k]++;
        n += k == n;
    }
    for (size_t k = 0; k < n; k++) {
        gs_buf_printf(out, "%s%s x %u", k == 0 ? (agents ? "agents      " : "replicas    ") : ", ",
                      images[k], counts[k]);
    }
    if (n > 0) {
        gs_buf_printf(out, "; %u ready\n", ready);
    }
}

/* ---- nodes ---- */

static void put_node_table(const struct gs_status *status, bool styled, struct gs_buf *out)
{
    static const struct gs_column columns[] = {
        {.title = "NODE"},
        {.title = "STATE"},
        {.title = "GPUS"},
        {.title = "SLICES", .right = true},
        {.title = "HELD", .right = true},
        {.title = "IDLE", .right = true},
        {.title = "PROMISED", .right = true},
        {.title = "POOL"},
        {.title = "AGENT"},
        {.title = "SEEN"},
    };
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table = gs_table_new(columns, GS_ARRAY_LEN(columns));
    for (size_t i = 0; i < status->n_nodes; i++) {
        const struct gs_status_node *one = &status->nodes[i];
        const struct gs_gpunode *gpus = one->gpus;
        char age[GS_SCENE_AGE_MAX];
        bool ready = strcmp(one->state, "ready") == 0 || strcmp(one->state, "re-cut") == 0;
        gs_table_put(table, one->node->name);
        gs_table_put(table, one->state);
        gs_table_style(table, ready ? GS_STYLE_PLAIN : GS_STYLE_BAD);
        if (gpus == NULL) {
            gs_table_put(table, one->node->node.product[0] == '\0' ? "-" : one->node->node.product);
            for (unsigned k = 0; k < 3; k++) {
                gs_table_put(table, "-");
            }
        } else {
            const char *name = gpus->n_gpus == 0                ? "none"
                               : gpus->gpus[0].model[0] != '\0' ? gpus->gpus[0].model
                                                                : gpus->gpus[0].product;
            gs_table_putf(table, "%u x %s", gpus->n_gpus, name);
            gs_table_putf(table, "%u", one->slices);
            gs_table_putf(table, "%u", one->held + one->other);
            gs_table_putf(table, "%u", one->idle);
        }
        gs_table_putf(table, "%u", one->promised);
        gs_table_put(table, one->node->slicepool == NULL || one->node->slicepool[0] == '\0'
                                ? "-"
                                : one->node->slicepool);
        gs_table_put(table, gpus == NULL || gpus->agent[0] == '\0' ? "-" : gpus->agent);
        if (gpus == NULL || gpus->seen_us == 0) {
            gs_table_put(table, "never");
        } else {
            gs_scene_format_age(gs_scene_age_s(status->scene, gpus->seen_us), age);
            gs_table_putf(table, "%s ago", age);
        }
    }
    gs_buf_puts(out, "\n");
    gs_table_print(table, 0, styled, out);
}

/* The GPU as a layout; false: it has slices that the model does not place. */
static bool lay_out(const struct gs_gpunode_gpu *gpu, const struct gs_model *model,
                    struct gs_layout *ret)
{
    *ret = (struct gs_layout){.n_slices = 0};
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        const struct gs_gpunode_slice *slice = &gpu->slices[i];
        int p = gs_model_profile_index(model, &slice->profile);
        if (p < 0 || gs_layout_add(model, ret, (unsigned)p, slice->start,
                                   slice->state != GS_GPUNODE_FREE, NULL) != 0) {
            return false;
        }
    }
    return true;
}

static void put_holders(const struct gs_gpunode_gpu *gpu, struct gs_buf *out)
{
    bool first = true;
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        const struct gs_gpunode_slice *slice = &gpu->slices[i];
        char name[GS_PROFILE_NAME_MAX + 1];
        if (slice->state == GS_GPUNODE_FREE) {
            continue;
        }
        gs_profile_name_format(&slice->profile, name);
        gs_buf_printf(out, "%s%s@%u ", first ? "         " : ", ", name, slice->start);
        if (slice->state != GS_GPUNODE_HELD) {
            gs_buf_printf(out, "%s ", gs_gpunode_state_text(slice->state));
        }
        if (slice->holder.name[0] != '\0') {
            gs_buf_printf(out, "%s/%s", slice->holder.name_space, slice->holder.name);
        } else {
            gs_buf_puts(out, "by no pod that is known");
        }
        first = false;
    }
    gs_buf_puts(out, first ? "" : "\n");
}

static void put_gpu(const struct gs_gpunode_gpu *gpu, bool ruler, struct gs_buf *out)
{
    const struct gs_model *model = NULL;
    struct gs_layout layout;
    bool known = gpu->model[0] != '\0' && gs_catalog_find(gs_view(gpu->model), &model, NULL) == 0;
    if (!gpu->mig) {
        gs_buf_printf(out, "  GPU %-2u whole, %s\n", gpu->index,
                      gpu->whole_held ? "in use" : "free");
        return;
    }
    if (!known || gs_model_require_placements(model, NULL) != 0 || !lay_out(gpu, model, &layout)) {
        gs_buf_printf(out, "  GPU %-2u %u slices, which cannot be drawn: %s\n", gpu->index,
                      gpu->n_slices, gpu->product);
        put_holders(gpu, out);
        return;
    }
    if (ruler) {
        gs_buf_puts(out, "         ");
        gs_draw_ruler(model, out);
        gs_buf_puts(out, "\n");
    }
    gs_buf_printf(out, "  GPU %-2u ", gpu->index);
    gs_draw_bar(model, &layout, 0, out);
    gs_buf_puts(out, "\n");
    put_holders(gpu, out);
}

static void put_recuts(const struct gs_status_node *one, struct gs_buf *out)
{
    for (const struct gs_store_wish *wish = one->node->wishes; wish != NULL; wish = wish->next) {
        unsigned gpu = 0;
        while (gpu < one->gpus->n_gpus && strcmp(one->gpus->gpus[gpu].uuid, wish->wish.uuid) != 0) {
            gpu++;
        }
        gs_buf_printf(out, "  re-cut under way: GPU %u becomes %s", gpu,
                      wish->wish.layout[0] == '\0' ? "empty" : wish->wish.layout);
        for (unsigned i = 0; i < wish->wish.n_pods; i++) {
            gs_buf_printf(out, "%s%s/%s", i == 0 ? ", for " : ", ", wish->wish.pods[i].name_space,
                          wish->wish.pods[i].name);
        }
        gs_buf_puts(out, "\n");
    }
}

static void put_drawings(const struct gs_status *status, struct gs_buf *out)
{
    if (status->n_nodes > GS_STATUS_DRAWN_MAX && status->named->n == 0) {
        gs_buf_puts(out, "name nodes to have them drawn: gpuslice status NODE\n");
        return;
    }
    for (size_t i = 0; i < status->n_nodes; i++) {
        const struct gs_status_node *one = &status->nodes[i];
        if (one->gpus == NULL) {
            continue;
        }
        gs_buf_printf(out, "\n%s%s\n", one->node->name,
                      one->silent ? ", as the agent told last" : "");
        for (unsigned k = 0; k < one->gpus->n_gpus; k++) {
            bool same =
                k > 0 && strcmp(one->gpus->gpus[k].model, one->gpus->gpus[k - 1].model) == 0;
            put_gpu(&one->gpus->gpus[k], !same, out);
        }
        put_recuts(one, out);
    }
}

/* ---- SlicePools, who waits ---- */

static const char *condition_word(const struct gs_slicepool_status *status, const char *type)
{
    for (unsigned i = 0; i < status->n_conditions; i++) {
        if (strcmp(status->conditions[i].type, type) == 0) {
            return status->conditions[i].is_true ? "yes" : "no";
        }
    }
    return "-";
}

static void put_limit(struct gs_table *table, uint64_t limit, bool dollars)
{
    char usd[GS_SLICEPOOL_USD_MAX];
    if (limit == UINT64_MAX) {
        gs_table_put(table, "none");
    } else if (dollars) {
        gs_slicepool_usd_format(limit, usd);
        gs_table_put(table, usd);
    } else {
        gs_table_putf(table, "%" PRIu64, limit);
    }
}

static void put_pools(const struct gs_scene *scene, bool styled, struct gs_buf *out)
{
    static const struct gs_column columns[] = {
        {.title = "SLICEPOOL"},
        {.title = "READY"},
        {.title = "OPEN"},
        {.title = "STARTING", .right = true},
        {.title = "GPUS", .right = true},
        {.title = "LIMIT", .right = true},
        {.title = "USD/H", .right = true},
        {.title = "LIMIT", .right = true},
    };
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table = gs_table_new(columns, GS_ARRAY_LEN(columns));
    for (size_t i = 0; i < scene->n_pools; i++) {
        const struct gs_scene_pool *pool = scene->pools[i];
        char usd[GS_SLICEPOOL_USD_MAX];
        unsigned starting = 0;
        for (size_t k = 0; k < scene->n_claims; k++) {
            for (unsigned p = 0; p < pool->status.n_parts; p++) {
                starting += !scene->claims[k]->initialized && !scene->claims[k]->deleting &&
                            strcmp(pool->status.parts[p].name, scene->claims[k]->pool) == 0;
            }
        }
        gs_slicepool_usd_format(pool->status.uusd, usd);
        gs_table_put(table, pool->spec.name);
        gs_table_put(table, condition_word(&pool->status, "Ready"));
        gs_table_put(table, condition_word(&pool->status, "Open"));
        if (gs_scene_has(scene, GS_SCENE_CLAIMS)) {
            gs_table_putf(table, "%u", starting);
        } else {
            gs_table_put(table, "-");
        }
        if (pool->said) {
            gs_table_putf(table, "%" PRIu64, pool->status.gpus);
        } else {
            gs_table_put(table, "-");
        }
        put_limit(table, pool->spec.gpus_limit, false);
        gs_table_put(table, pool->said ? usd : "-");
        put_limit(table, pool->spec.uusd_limit, true);
    }
    if (scene->n_pools > 0) {
        gs_buf_puts(out, "\n");
        gs_table_print(table, 0, styled, out);
    }
}

static void put_waiting(const struct gs_status *status, bool styled, struct gs_buf *out)
{
    static const struct gs_column columns[] = {{.title = "WAITS"},    {.title = "FOR"},
                                               {.title = "ASKS FOR"}, {.title = "GATE"},
                                               {.title = "NOW"},      {.title = "BECAUSE"}};
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table = gs_table_new(columns, GS_ARRAY_LEN(columns));
    GS_CLEANUP(gs_buf_done) struct gs_buf asks;
    gs_buf_init(&asks, LINE_BYTES_MAX);
    for (size_t i = 0; i < status->n_waiting && i < GS_STATUS_WAITING_MAX; i++) {
        const struct gs_case_row *row = &status->waiting[i];
        const struct gs_store_waiting *waiting = row->pod->waiting;
        char age[GS_SCENE_AGE_MAX];
        gs_buf_reset(&asks);
        gs_case_put_wants(waiting->pod.wants, waiting->pod.n_wants, &asks);
        gs_buf_need(out, &asks);
        gs_scene_format_age(gs_scene_age_s(status->scene, waiting->wait.created_us), age);
        gs_table_put(table, row->pod->key);
        gs_table_put(table, age);
        gs_table_put(table, gs_buf_text(&asks));
        gs_table_put(table, waiting->wait.gated          ? "ours"
                            : waiting->wait.n_others > 0 ? "others"
                                                         : "-");
        gs_table_put(table, row->state != GS_CASE_DECIDED ? "-"
                            : row->decided ? gs_case_decision_word(row->decision->what)
                                           : "none");
        gs_table_put(table, row->says);
    }
    if (status->n_waiting > 0) {
        gs_buf_puts(out, "\n");
        gs_table_print(table, 0, styled, out);
    }
    if (status->n_waiting > GS_STATUS_WAITING_MAX) {
        gs_buf_printf(out, "and %zu pods more; -o json has all\n",
                      status->n_waiting - GS_STATUS_WAITING_MAX);
    }
}

/* ---- all ---- */

static void put_problems(const struct gs_status *status, struct gs_buf *out)
{
    size_t n =
        status->n_problems < GS_STATUS_PROBLEMS_MAX ? status->n_problems : GS_STATUS_PROBLEMS_MAX;
    for (size_t i = 0; i < n; i++) {
        gs_put_wrapped(out, "! ", status->problems[i]);
    }
    if (status->n_problems > n) {
        gs_buf_printf(out, "! and %zu more\n", status->n_problems - n);
    }
    gs_put_unread(status->scene, out);
    gs_buf_puts(out, status->n_problems > 0 ? "\n" : "");
}

static void put_sum(const struct gs_status *status, struct gs_buf *out)
{
    unsigned gpus = 0, slices = 0, held = 0, idle = 0, promised = 0;
    for (size_t i = 0; i < status->n_nodes; i++) {
        const struct gs_status_node *one = &status->nodes[i];
        gpus += one->gpus == NULL ? 0 : one->gpus->n_gpus;
        slices += one->slices;
        held += one->held + one->other;
        idle += one->idle;
        promised += one->promised;
    }
    gs_buf_printf(out,
                  "cluster     %zu node%s with GPUs: %u GPUs, %u slices, %u in use, %u idle, %u "
                  "promised; %zu pod%s waiting\n",
                  status->n_nodes, status->n_nodes == 1 ? "" : "s", gpus, slices, held, idle,
                  promised, status->n_waiting, status->n_waiting == 1 ? "" : "s");
}

void gs_status_put_text(const struct gs_status *status, bool styled, struct gs_buf *out)
{
    put_problems(status, out);
    put_sum(status, out);
    put_controller(status->scene, out);
    put_prices(status->scene, out);
    put_images(status->scene, false, out);
    put_images(status->scene, true, out);
    if (status->n_nodes > 0) {
        put_node_table(status, styled, out);
        put_drawings(status, out);
    }
    put_pools(status->scene, styled, out);
    put_waiting(status, styled, out);
}
