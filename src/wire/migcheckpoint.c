#include "wire/migcheckpoint.h"

#include <string.h>

#include "base/cleanup.h"

enum {
    PROFILE_MAX = 63, /* of GIs and CIs; NVML has fewer than 20 */
    ENGINE_PROFILE_MAX = 15,
    UNITS_MAX = 32, /* memory units of a GPU */
    SLICES_MAX = 16 /* compute slices */
};

static int expect_map(const struct gs_doc_node *node, const char *const *keys, size_t n,
                      struct gs_err *err)
{
    return gs_doc_expect_keys(node, keys, n, err);
}

static int need_number(const struct gs_doc_node *map, const char *key, uint64_t min, uint64_t max,
                       uint32_t *ret, struct gs_err *err)
{
    const struct gs_doc_node *node = NULL;
    uint64_t value = 0;
    int r = gs_doc_need(map, key, &node, err);
    if (r < 0 || (r = gs_doc_u64(node, min, max, &value, err)) < 0) {
        return r;
    }
    *ret = (uint32_t)value;
    return 0;
}

/* The list under `key`, of `max` elements at most; NULL where it is null or not there. */
static int find_list(const struct gs_doc_node *map, const char *key, uint32_t max,
                     const struct gs_doc_node **ret, struct gs_err *err)
{
    const struct gs_doc_node *node = gs_doc_find(map, key);
    *ret = NULL;
    if (node == NULL || gs_doc_is_null(node)) {
        return 0;
    }
    int r = gs_doc_expect(node, GS_DOC_LIST, err);
    if (r == 0 && node->n > max) {
        r = gs_doc_fail(node, err, "%s: found %u; expected %u at most", key, node->n, max);
    }
    *ret = r < 0 ? NULL : node;
    return r;
}

static int read_ci(const struct gs_doc_node *map, struct gs_mig_state_ci *ci, struct gs_err *err)
{
    static const char *const keys[] = {"ProfileID", "EngProfileID"};
    int r = expect_map(map, keys, GS_ARRAY_LEN(keys), err);
    if (r < 0 || (r = need_number(map, "ProfileID", 0, PROFILE_MAX, &ci->profile, err)) < 0) {
        return r;
    }
    return need_number(map, "EngProfileID", 0, ENGINE_PROFILE_MAX, &ci->engine_profile, err);
}

static int read_placement(const struct gs_doc_node *map, struct gs_mig_state_gi *gi,
                          struct gs_err *err)
{
    static const char *const keys[] = {"Start", "Size"};
    int r = expect_map(map, keys, GS_ARRAY_LEN(keys), err);
    if (r < 0 || (r = need_number(map, "Start", 0, UNITS_MAX - 1, &gi->start, err)) < 0) {
        return r;
    }
    return need_number(map, "Size", 1, UNITS_MAX - gi->start, &gi->size, err);
}

static int read_gi(const struct gs_doc_node *map, struct gs_mig_state_gi *gi, struct gs_err *err)
{
    static const char *const keys[] = {"ProfileID", "Placement", "ComputeInstances"};
    const struct gs_doc_node *placement = NULL;
    const struct gs_doc_node *list = NULL;
    int r = expect_map(map, keys, GS_ARRAY_LEN(keys), err);
    if (r < 0 || (r = need_number(map, "ProfileID", 0, PROFILE_MAX, &gi->profile, err)) < 0 ||
        (r = gs_doc_need(map, "Placement", &placement, err)) < 0 ||
        (r = read_placement(placement, gi, err)) < 0 ||
        (r = find_list(map, "ComputeInstances", GS_MIG_STATE_CIS_MAX, &list, err)) < 0) {
        return r;
    }
    const struct gs_doc_node *ci = list == NULL ? NULL : list->first;
    for (; ci != NULL; ci = ci->next) {
        r = read_ci(ci, &gi->cis[gi->n_cis++], err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int check_places(const struct gs_doc_node *list, const struct gs_mig_state *state,
                        struct gs_err *err)
{
    uint64_t taken = 0;
    for (unsigned i = 0; i < state->n_gis; i++) {
        const struct gs_mig_state_gi *gi = &state->gis[i];
        uint64_t span = ((1ull << gi->size) - 1) << gi->start;
        if ((taken & span) != 0) {
            return gs_doc_fail(list, err,
                               "%s: GPU instance %u, at %u to %u, lies on one before it; expected "
                               "each memory unit to be taken once",
                               state->uuid, i, gi->start, gi->start + gi->size - 1);
        }
        taken |= span;
    }
    return 0;
}

static int read_instances(const struct gs_doc_node *map, struct gs_mig_state *state,
                          struct gs_err *err)
{
    const struct gs_doc_node *list = NULL;
    int r = find_list(map, "GpuInstances", GS_MIG_STATE_GIS_MAX, &list, err);
    if (r < 0 || list == NULL) {
        return r;
    }
    if (!state->mig_enabled && list->n > 0) {
        return gs_doc_fail(list, err, "found GPU instances where MigMode is 0; expected none");
    }
    for (const struct gs_doc_node *gi = list->first; gi != NULL; gi = gi->next) {
        r = read_gi(gi, &state->gis[state->n_gis++], err);
        if (r < 0) {
            return r;
        }
    }
    return check_places(list, state, err);
}

static bool is_plain(struct gs_view text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] <= ' ' || text.p[i] > '~' || text.p[i] == '"' || text.p[i] == '\\') {
            return false;
        }
    }
    return true;
}

static int read_device(const struct gs_doc_node *map, struct gs_mig_state *state,
                       struct gs_err *err)
{
    static const char *const keys[] = {"UUID", "MigMode", "GpuInstances"};
    const struct gs_doc_node *uuid = NULL;
    struct gs_view text = {0};
    uint32_t mode = 0;
    int r = expect_map(map, keys, GS_ARRAY_LEN(keys), err);
    if (r < 0 || (r = gs_doc_need(map, "UUID", &uuid, err)) < 0 ||
        (r = gs_doc_text(uuid, sizeof(state->uuid) - 1, &text, err)) < 0 ||
        (r = need_number(map, "MigMode", 0, 1, &mode, err)) < 0) {
        return r;
    }
    if (!is_plain(text)) {
        return gs_doc_fail(uuid, err, "UUID: found \"%.*s\"; expected a GPU's, as GPU-5e4ba7...",
                           GS_VIEW_ARGS(text));
    }
    memcpy(state->uuid, text.p, text.n);
    state->mig_enabled = mode == 1;
    return read_instances(map, state, err);
}

static int read_devices(struct gs_arena *arena, const struct gs_doc_node *map,
                        const struct gs_mig_state **ret, unsigned *ret_n, struct gs_err *err)
{
    static const char *const keys[] = {"Devices"};
    const struct gs_doc_node *list = NULL;
    int r = expect_map(map, keys, GS_ARRAY_LEN(keys), err);
    if (r < 0 || (r = find_list(map, "Devices", GS_MIG_STATE_GPUS_MAX, &list, err)) < 0) {
        return r;
    }
    uint32_t n = list == NULL ? 0 : list->n;
    struct gs_mig_state *states = GS_ARENA_NEW(arena, struct gs_mig_state, n);
    if (states == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "%s:%u: no memory for the checkpoint", map->label,
                       map->line);
    }
    const struct gs_doc_node *device = list == NULL ? NULL : list->first;
    for (unsigned i = 0; i < n; i++, device = device->next) {
        r = read_device(device, &states[i], err);
        if (r < 0) {
            return r;
        }
        for (unsigned before = 0; before < i; before++) {
            if (strcmp(states[before].uuid, states[i].uuid) == 0) {
                return gs_doc_fail(device, err, "found the GPU %s again; expected it once",
                                   states[i].uuid);
            }
        }
    }
    *ret = states;
    *ret_n = n;
    return 0;
}

int gs_migcheckpoint_read(struct gs_arena *arena, const struct gs_doc_input *input,
                          const struct gs_mig_state **ret, unsigned *ret_n, struct gs_err *err)
{
    static const char *const keys[] = {"Version", "MigState"};
    struct gs_doc_input mine = *input;
    const struct gs_doc_node *root = NULL;
    const struct gs_doc_node *version = NULL;
    const struct gs_doc_node *state = NULL;
    struct gs_view text = {0};
    mine.max_bytes = GS_MIGCHECKPOINT_BYTES_MAX;
    int r = gs_doc_read(arena, &mine, &root, err);
    if (r < 0 || (r = expect_map(root, keys, GS_ARRAY_LEN(keys), err)) < 0 ||
        (r = gs_doc_need(root, "Version", &version, err)) < 0 ||
        (r = gs_doc_text(version, 64, &text, err)) < 0) {
        return r;
    }
    if (!gs_view_eq(text, "v1")) {
        return gs_doc_fail(version, err,
                           "Version: found \"%.*s\"; expected v1, the only one that there is",
                           GS_VIEW_ARGS(text));
    }
    r = gs_doc_need(root, "MigState", &state, err);
    return r < 0 ? r : read_devices(arena, state, ret, ret_n, err);
}

/* ---- writing ---- */

static void put_cis(const struct gs_mig_state_gi *gi, struct gs_buf *out)
{
    /* by profile, and those of one profile in the order of the state */
    const char *before = "[";
    for (uint32_t profile = 0; profile <= PROFILE_MAX; profile++) {
        for (unsigned i = 0; i < gi->n_cis; i++) {
            if (gi->cis[i].profile == profile) {
                gs_buf_printf(out, "%s{\"ProfileID\":%u,\"EngProfileID\":%u}", before, profile,
                              gi->cis[i].engine_profile);
                before = ",";
            }
        }
    }
    gs_buf_puts(out, gi->n_cis == 0 ? "null" : "]");
}

static void put_gis(const struct gs_mig_state *state, struct gs_buf *out)
{
    const char *before = "[";
    for (uint32_t profile = 0; profile <= PROFILE_MAX; profile++) {
        for (unsigned i = 0; i < state->n_gis; i++) {
            const struct gs_mig_state_gi *gi = &state->gis[i];
            if (gi->profile == profile) {
                gs_buf_printf(out,
                              "%s{\"ProfileID\":%u,\"Placement\":{\"Start\":%u,\"Size\":%u},"
                              "\"ComputeInstances\":",
                              before, profile, gi->start, gi->size);
                put_cis(gi, out);
                gs_buf_puts(out, "}");
                before = ",";
            }
        }
    }
    gs_buf_puts(out, state->n_gis == 0 ? "null" : "]");
}

void gs_migcheckpoint_write(const struct gs_mig_state *states, unsigned n, struct gs_buf *out)
{
    gs_buf_puts(out, "{\"Version\":\"v1\",\"MigState\":{\"Devices\":");
    for (unsigned i = 0; i < n; i++) {
        out->failed = out->failed || !is_plain(gs_view(states[i].uuid));
        gs_buf_printf(out,
                      "%s{\"UUID\":\"%s\",\"MigMode\":%d,\"GpuInstances\":", i == 0 ? "[" : ",",
                      states[i].uuid, states[i].mig_enabled ? 1 : 0);
        put_gis(&states[i], out);
        gs_buf_puts(out, "}");
    }
    gs_buf_puts(out, n == 0 ? "null}}" : "]}}");
}
