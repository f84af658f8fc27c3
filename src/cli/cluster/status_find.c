/* What is wrong in a cluster, a line each, the worst first. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cluster/status.h"

enum { LONG_START_S = 600, RECENT_S = 900 };

static int add(struct gs_status *status, struct gs_err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int add(struct gs_status *status, struct gs_err *err, const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    if (status->n_problems++ >= GS_STATUS_PROBLEMS_MAX) {
        return 0;
    }
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    size_t len = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
    const char *kept = gs_arena_text(&status->scene->arena, text, len);
    status->problems[status->n_problems - 1] = kept == NULL ? "" : kept;
    return kept == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory for what is wrong") : 0;
}

static int find_in_controller(struct gs_status *status, struct gs_err *err)
{
    const struct gs_scene *scene = status->scene;
    const struct gs_kubelease *lease = &scene->lease;
    char age[GS_SCENE_AGE_MAX];
    int r = 0;
    if (gs_scene_has(scene, GS_SCENE_LEASES) && !gs_scene_is_led(scene)) {
        gs_scene_format_age(gs_scene_age_s(scene, lease->renewed_us), age);
        r = lease->name[0] == '\0'
                ? add(status, err, "nobody decides: there is no Lease gpuslice-controller")
                : add(status, err,
                      "nobody decides: Lease %s/%s was last renewed %s ago; pods at the gate wait "
                      "for a controller, or for gpuslice ungate --all",
                      lease->name_space, lease->name, age);
    }
    if (r == 0 && scene->has_webhook && !scene->has_ca) {
        r = add(status, err, "the webhook has no certificate yet: pods come without the gate");
    }
    return r;
}

/* "1 of 3 agents", with one of them. */
static int find_versions(struct gs_status *status, struct gs_err *err)
{
    const char *first = NULL;
    for (size_t i = 0; i < status->n_nodes; i++) {
        const struct gs_gpunode *gpus = status->nodes[i].gpus;
        if (gpus == NULL || gpus->agent[0] == '\0') {
            continue;
        }
        first = first == NULL ? gpus->agent : first;
        if (strcmp(first, gpus->agent) != 0) {
            return add(status, err, "agents of several versions: %s and %s (node %s), for one",
                       first, gpus->agent, gpus->name);
        }
    }
    return 0;
}

/* How the last re-cut of a GPU went wrong, while it is news. */
static int find_in_gpu(struct gs_status *status, const char *node, const struct gs_gpunode_gpu *gpu,
                       struct gs_err *err)
{
    const struct gs_gpunode_decision *last = &gpu->decision;
    bool failed = last->result == GS_GPUNODE_FAILED || last->result == GS_GPUNODE_REFUSED;
    unsigned sick = 0;
    int r = gpu->healthy ? 0
                         : add(status, err,
                               "node %s, GPU %u is not healthy: nothing is cut or "
                               "given away there",
                               node, gpu->index);
    for (unsigned i = 0; i < gpu->n_slices; i++) {
        sick += gpu->slices[i].state == GS_GPUNODE_SICK;
    }
    if (r == 0 && sick > 0) {
        r = add(status, err, "node %s, GPU %u: %u slice%s sick and not given away", node,
                gpu->index, sick, sick == 1 ? " is" : "s are");
    }
    if (r == 0 && failed && gs_scene_age_s(status->scene, last->at_us) < RECENT_S) {
        r = add(status, err, "node %s, GPU %u: the last re-cut was %s: %s", node, gpu->index,
                last->result == GS_GPUNODE_FAILED ? "not done" : "refused", last->message);
    }
    return r;
}

static int find_in_node(struct gs_status *status, const struct gs_status_node *one,
                        struct gs_err *err)
{
    const struct gs_gpunode *gpus = one->gpus;
    char age[GS_SCENE_AGE_MAX];
    int r = 0;
    if (!one->node->known) {
        return gs_scene_has(status->scene, GS_SCENE_NODES)
                   ? add(status, err, "GpuNode %s: there is no Node of this name", one->node->name)
                   : 0;
    }
    if (!one->node->ready) {
        r = add(status, err, "node %s is not Ready", one->node->name);
    }
    if (r == 0 && gpus == NULL && gs_scene_has(status->scene, GS_SCENE_GPUNODES)) {
        r = add(status, err, "node %s has GPUs, and no agent has told of them", one->node->name);
    }
    if (r != 0 || gpus == NULL) {
        return r;
    }
    if (one->silent) {
        gs_scene_format_age(gs_scene_age_s(status->scene, gpus->seen_us), age);
        r = gpus->seen_us == 0
                ? add(status, err, "the agent of node %s has never told of its GPUs", gpus->name)
                : add(status, err,
                      "the agent of node %s is silent for %s: what is shown of it is as old, and "
                      "nothing is re-cut there",
                      gpus->name, age);
    }
    for (unsigned i = 0; r == 0 && i < gpus->n_conditions; i++) {
        const struct gs_gpunode_condition *is = &gpus->conditions[i];
        if (!is->is_true && strcmp(is->type, "Ready") == 0 && !one->silent) {
            r = add(status, err, "node %s: %s: %s", gpus->name, is->reason, is->message);
        }
    }
    for (unsigned i = 0; r == 0 && i < gpus->n_gpus; i++) {
        r = find_in_gpu(status, gpus->name, &gpus->gpus[i], err);
    }
    return r;
}

static int find_in_pools(struct gs_status *status, struct gs_err *err)
{
    const struct gs_scene *scene = status->scene;
    int r = 0;
    for (size_t i = 0; r == 0 && i < scene->n_pools; i++) {
        const struct gs_scene_pool *pool = scene->pools[i];
        for (unsigned k = 0; r == 0 && k < pool->status.n_conditions; k++) {
            const struct gs_gpunode_condition *is = &pool->status.conditions[k];
            bool comes = strcmp(is->type, "Warm") == 0 && strcmp(is->reason, "Coming") == 0;
            if (!is->is_true && !comes) {
                r = add(status, err, "SlicePool %s: %s: %s", pool->spec.name, is->reason,
                        is->message);
            }
        }
        if (r == 0 && !pool->said) {
            r = add(status, err, "SlicePool %s: no controller has looked at it", pool->spec.name);
        }
    }
    return r;
}

static int find_in_claims(struct gs_status *status, struct gs_err *err)
{
    const struct gs_scene *scene = status->scene;
    char age[GS_SCENE_AGE_MAX];
    int r = 0;
    for (size_t i = 0; r == 0 && i < scene->n_claims; i++) {
        const struct gs_karpenter_claim_seen *claim = scene->claims[i];
        uint64_t s = gs_scene_age_s(scene, claim->created_us);
        if (!claim->initialized && !claim->deleting && s >= LONG_START_S) {
            gs_scene_format_age(s, age);
            r = add(status, err, "NodeClaim %s starts for %s already: %s", claim->name, age,
                    claim->why);
        }
    }
    return r;
}

static int find_in_pods(struct gs_status *status, struct gs_err *err)
{
    size_t stuck = 0;
    const struct gs_store_pod *first = NULL;
    for (size_t i = 0; i < status->n_waiting; i++) {
        const struct gs_case_row *row = &status->waiting[i];
        bool waits = row->state == GS_CASE_DECIDED &&
                     (!row->decided || (row->decision->what == GS_DECIDE_WAIT &&
                                        row->decision->until_node == GS_DECIDE_NONE));
        stuck += waits;
        first = waits && first == NULL ? row->pod : first;
    }
    return stuck == 0 ? 0
                      : add(status, err, "%zu pod%s for which there is no way now; gpuslice why %s",
                            stuck, stuck == 1 ? "" : "s", first->key);
}

int gs_status_find_problems(struct gs_status *status, struct gs_err *err)
{
    int r = find_in_controller(status, err);
    for (size_t i = 0; r == 0 && i < status->n_nodes; i++) {
        r = find_in_node(status, &status->nodes[i], err);
    }
    r = r == 0 ? find_in_pools(status, err) : r;
    r = r == 0 ? find_in_claims(status, err) : r;
    r = r == 0 ? find_versions(status, err) : r;
    return r == 0 ? find_in_pods(status, err) : r;
}
