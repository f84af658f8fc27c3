#include "agent/state.h"

#include <jansson.h>
#include <stdlib.h>

#include "node/condition.h"

/* Of a number that may not be known. */
static json_t *number(uint64_t value, uint64_t unknown)
{
    return value == unknown ? json_null() : json_integer((json_int_t)value);
}

static json_t *text_or_null(const char *text)
{
    return text[0] == '\0' ? json_null() : json_string(text);
}

/* null: not known yet; false: idle. */
static json_t *holder(const struct gs_held *held)
{
    if (held == NULL) {
        return json_null();
    }
    if (gs_held_idle(held)) {
        return json_false();
    }
    return json_pack("{s:s, s:o, s:o, s:o, s:o}", "text", held->text, "namespace",
                     text_or_null(held->name_space), "pod", text_or_null(held->pod), "container",
                     text_or_null(held->container), "pid", number(held->pid, GS_NOT_KNOWN));
}

static const char *health_word(const struct gs_state *state, const struct gs_slice_id *id,
                               bool lost)
{
    unsigned n;
    const struct gs_offer_mark *marks = gs_offering_marks(state->offering, &n);
    for (unsigned i = 0; i < n; i++) {
        if (gs_slice_id_eq(&marks[i].slice, id)) {
            return marks[i].retiring ? "retiring" : "sick";
        }
    }
    return lost ? "lost" : "healthy";
}

static json_t *slice_json(const struct gs_state *state, const struct gs_snapshot *snapshot,
                          unsigned row)
{
    const struct gs_snapshot_slice *slice = &snapshot->slices[row];
    char name[GS_PROFILE_NAME_MAX + 1];
    gs_profile_name_format(&slice->profile, name);
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:o}", "uuid", slice->uuid,
                     "profile", name, "gpuInstance", (json_int_t)slice->id.gi, "computeInstance",
                     (json_int_t)slice->id.ci, "generation", (json_int_t)slice->id.generation,
                     "index", (json_int_t)slice->index, "start", (json_int_t)slice->start, "size",
                     (json_int_t)slice->size, "health",
                     health_word(state, &slice->id, snapshot->gpus[slice->id.gpu].lost), "holder",
                     holder(gs_findings_held(state->findings, &slice->id)));
}

static const char *mode_word(enum gs_mig_mode mode)
{
    switch (mode) {
    case GS_MIG_NOT_CAPABLE:
        return "not capable";
    case GS_MIG_OFF:
        return "off";
    case GS_MIG_ON:
        return "on";
    }
    return "";
}

static json_t *gpu_json(const struct gs_state *state, const struct gs_snapshot *snapshot,
                        unsigned k)
{
    const struct gs_snapshot_gpu *gpu = &snapshot->gpus[k];
    const struct gs_slice_id whole = {
        .gpu = k, .gi = GS_NOT_KNOWN, .ci = GS_NOT_KNOWN, .generation = gpu->generation};
    json_t *slices = json_array();
    for (unsigned i = 0; i < gpu->n; i++) {
        json_array_append_new(slices, slice_json(state, snapshot, gpu->first + i));
    }
    json_t *json = json_pack(
        "{s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "index", (json_int_t)k, "uuid",
        gpu->facts.uuid, "name", gpu->facts.name, "pciBusId", gpu->facts.pci_bus_id, "mig",
        mode_word(gpu->facts.mode), "migPending", mode_word(gpu->facts.pending), "health",
        health_word(state, &whole, gpu->lost), "numaNode",
        gpu->numa_node < 0 ? json_null() : json_integer(gpu->numa_node), "slices", slices);
    if (gpu->facts.mode != GS_MIG_ON) {
        json_object_set_new(json, "holder", holder(gs_findings_held(state->findings, &whole)));
    }
    return json;
}

static json_t *resource_json(const struct gs_state *state, const struct gs_capacity_row *row)
{
    return json_pack("{s:s, s:I, s:I, s:o, s:s}", "name", row->resource, "listed",
                     (json_int_t)row->listed, "healthy", (json_int_t)row->healthy, "ceiling",
                     number(row->ceiling, UINT32_MAX), "kubelet",
                     gs_plugins_standing(state->plugins, row->resource));
}

static json_t *resources_json(const struct gs_state *state)
{
    struct gs_arena arena;
    struct gs_capacity_row *rows;
    unsigned n = 0;
    json_t *list = json_array();
    gs_arena_init(&arena, &gs_alloc_heap, (size_t)16 << 20);
    if (gs_offering_rows(state->offering, &arena, &rows, &n, NULL) == 0) {
        for (unsigned i = 0; i < n; i++) {
            json_array_append_new(list, resource_json(state, &rows[i]));
        }
    }
    gs_arena_done(&arena);
    return list;
}

static json_t *troubles_json(const struct gs_troubles *troubles)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < GS_TROUBLES; i++) {
        bool bad = troubles->at[i].bad;
        json_array_append_new(list,
                              json_pack("{s:s, s:b, s:o, s:o, s:o}", "type", gs_trouble_name(i),
                                        "ok", !bad, "reason", text_or_null(troubles->at[i].reason),
                                        "message", text_or_null(troubles->at[i].text), "since",
                                        number(troubles->at[i].since_s, 0)));
    }
    return list;
}

static json_t *notes_json(const struct gs_offer *offer)
{
    json_t *list = json_array();
    for (unsigned i = 0; offer != NULL && i < offer->conditions.n; i++) {
        const struct gs_condition *at = &offer->conditions.at[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s}", "type", gs_condition_name(at->code),
                                        "subject", at->subject, "message", at->text));
    }
    return list;
}

static json_t *counters_json(const struct gs_metrics_counters *c)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "recuts", (json_int_t)c->recuts,
                     "recutsFailed", (json_int_t)c->recuts_failed, "recutsBusy",
                     (json_int_t)c->recuts_busy, "allocations", (json_int_t)c->allocations,
                     "allocationsRefused", (json_int_t)c->allocations_refused, "registrations",
                     (json_int_t)c->registrations, "apiErrors", (json_int_t)c->api_errors);
}

/* Takes the document over. */
static void write_json(json_t *json, struct gs_buf *out)
{
    char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(2));
    json_decref(json);
    if (text == NULL) {
        out->failed = true;
        return;
    }
    gs_buf_puts(out, text);
    gs_buf_puts(out, "\n");
    free(text);
}

void gs_state_write(const struct gs_state *state, struct gs_buf *out)
{
    const struct gs_box *box = gs_offering_box(state->offering);
    json_t *gpus = json_array();
    for (unsigned k = 0; box != NULL && k < box->snapshot.n_gpus; k++) {
        json_array_append_new(gpus, gpu_json(state, &box->snapshot, k));
    }
    write_json(
        json_pack("{s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "version", GS_VERSION,
                  "node", state->node_name, "ready", state->ready, "settled",
                  gs_status_is_settled(state->status), "driver",
                  box == NULL ? json_null() : json_string(box->snapshot.driver.driver_version),
                  "conditions", troubles_json(state->troubles), "notes",
                  notes_json(gs_offering_offer(state->offering)), "gpus", gpus, "resources",
                  resources_json(state), "gpuNode", gs_agentnode_json(state->gpunode), "counters",
                  counters_json(state->counters)),
        out);
}

static const char *code_word(int code)
{
    switch ((enum gs_code)code) {
    case GS_OK:
        return "ok";
    case GS_INVALID:
        return "invalid";
    case GS_NOT_FOUND:
        return "not found";
    case GS_AMBIGUOUS:
        return "ambiguous";
    case GS_LIMIT:
        return "limit";
    case GS_NO_MEMORY:
        return "no memory";
    case GS_INFEASIBLE:
        return "infeasible";
    case GS_BUSY:
        return "busy";
    case GS_UNKNOWN:
        return "unknown";
    case GS_IO:
        return "io";
    case GS_UNSUPPORTED:
        return "unsupported";
    }
    return "";
}

void gs_state_write_result(const struct gs_order_result *result, struct gs_buf *out)
{
    json_t *gpus = json_array();
    for (unsigned k = 0; k < result->report.n; k++) {
        json_array_append_new(gpus, json_string(gs_apply_condition_name(result->report.gpus[k])));
    }
    json_t *lines = json_array();
    struct gs_view rest = {.p = gs_buf_text(&result->lines), .n = result->lines.len};
    while (rest.p != NULL && rest.n > 0) {
        struct gs_view line = gs_view_split(&rest, '\n');
        json_array_append_new(lines, json_stringn(line.p, line.n));
    }
    write_json(json_pack("{s:s, s:o, s:b, s:I, s:o, s:o}", "result", code_word(result->code),
                         "error", result->code == 0 ? json_null() : json_string(result->err.msg),
                         "changed", result->changed, "tookUs", (json_int_t)result->took_us, "gpus",
                         gpus, "lines", lines),
               out);
}
