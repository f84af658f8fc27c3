#include "agent/nodelabels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define TURN_BYTES_MAX ((size_t)8 << 20)

enum {
    LIMIT_US = 10 * 1000 * 1000,
    RETRY_US = 5 * 1000 * 1000,
    VALUE_BYTES = 64,
    BOOT_ID_BYTES = 37,
    NOTE_BYTES = VALUE_BYTES + BOOT_ID_BYTES
};

/* Of the node: "VALUE BOOT-ID", where what the label asked for was done in this boot, and the
 * controller has cut otherwise since. */
static const char note_key[] = "gpuslice.dev/overtaken-layout";

struct gs_nodelabels {
    struct gs_nodelabels_options options;
    struct gs_arena node_arena; /* of the labels that the node has, as far as they concern us */
    struct gs_label *have;
    unsigned n_have;
    bool node_known;
    char config[VALUE_BYTES]; /* of the label that was last acted on */
    bool has_config;
    bool seen; /* the node, once at least */
    char boot_id[BOOT_ID_BYTES];
    char have_note[NOTE_BYTES]; /* the annotation as it is; "": none */
    char want_note[NOTE_BYTES];
    enum gs_mig_config_state state; /* NONE: not ours to write yet */
    struct gs_cluster_call *call;
    sd_event_source *retry;
};

static void turn(struct gs_nodelabels *labels);

static int on_retry(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_nodelabels *labels = ctx;
    (void)usec;
    sd_event_source_disable_unref(source);
    labels->retry = NULL;
    turn(labels);
    return 0;
}

static void on_changed(void *ctx, int result, const struct gs_err *err)
{
    struct gs_nodelabels *labels = ctx;
    labels->call = NULL;
    if (result == 0) {
        gs_trouble_good(labels->options.troubles, GS_TROUBLE_LABELS);
        return; /* the watch brings the node as it is now */
    }
    gs_trouble_bad(labels->options.troubles, GS_TROUBLE_LABELS, "LabelsNotWritten", err->msg);
    if (sd_event_add_time_relative(labels->options.event, &labels->retry, CLOCK_MONOTONIC, RETRY_US,
                                   1000, on_retry, labels) < 0) {
        labels->retry = NULL;
    }
}

/* The labels of feature discovery, if they are to be written, and the state of the layout. */
static int make_want(const struct gs_nodelabels *labels, struct gs_arena *arena,
                     struct gs_labels *ret, struct gs_err *err)
{
    const struct gs_labels_input input = {
        .snapshot = &gs_offering_box(labels->options.offering)->snapshot,
        .config = labels->options.config,
        .machine_type = labels->options.machine_type,
        .vgpu = labels->options.vgpu,
        .started_s = labels->options.config->no_timestamp ? 0 : labels->options.started_s,
    };
    return gs_labels_new(arena, &input, ret, err);
}

/* The state stands beside them: it is nobody's but ours, and never removed. */
static int add_state(const struct gs_nodelabels *labels, struct gs_arena *arena,
                     struct gs_labels *change, struct gs_err *err)
{
    const char *now = NULL;
    for (unsigned i = 0; i < labels->n_have; i++) {
        if (strcmp(labels->have[i].key, GS_LABEL_MIG_CONFIG_STATE) == 0) {
            now = labels->have[i].value;
        }
    }
    if (labels->state == GS_MIG_STATE_NONE || gs_mig_config_state_parse(now) == labels->state) {
        return 0;
    }
    struct gs_label *at = GS_ARENA_NEW(arena, struct gs_label, change->n + 1u);
    if (at == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for labels");
    }
    if (change->n > 0) {
        memcpy(at, change->at, change->n * sizeof(*at));
    }
    at[change->n] = (struct gs_label){.key = GS_LABEL_MIG_CONFIG_STATE,
                                      .value = gs_mig_config_state_name(labels->state)};
    *change = (struct gs_labels){.n = change->n + 1, .at = at};
    return 0;
}

static bool note_differs(const struct gs_nodelabels *labels)
{
    return strcmp(labels->have_note, labels->want_note) != 0;
}

static int send(struct gs_nodelabels *labels, const struct gs_labels *change,
                struct gs_arena *arena, struct gs_err *err)
{
    const struct gs_cluster_pair note = {
        .key = note_key, .value = labels->want_note[0] == '\0' ? NULL : labels->want_note};
    struct gs_cluster_pair *pairs = GS_ARENA_NEW(arena, struct gs_cluster_pair, change->n);
    if (pairs == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for labels");
    }
    for (unsigned i = 0; i < change->n; i++) {
        pairs[i] = (struct gs_cluster_pair){.key = change->at[i].key, .value = change->at[i].value};
    }
    const struct gs_cluster_node_change all = {
        .node = labels->options.node_name,
        .labels = {.at = pairs, .n = change->n},
        .annotations = {.at = &note, .n = note_differs(labels)},
        .limit_us = LIMIT_US,
    };
    gs_log_debug("%u labels of the node are written", change->n);
    return gs_cluster_change_node(labels->options.cluster, &all, on_changed, labels, &labels->call,
                                  err);
}

static void turn(struct gs_nodelabels *labels)
{
    struct gs_arena arena;
    struct gs_labels want;
    struct gs_labels change = {.n = 0};
    struct gs_err err;
    if (!labels->node_known || labels->call != NULL || labels->retry != NULL ||
        gs_offering_box(labels->options.offering) == NULL) {
        return;
    }
    gs_arena_init(&arena, &gs_alloc_heap, TURN_BYTES_MAX);
    int r = 0;
    if (labels->options.config->labels) {
        r = make_want(labels, &arena, &want, &err);
        r = r < 0 ? r : gs_labels_diff(&arena, &want, labels->have, labels->n_have, &change, &err);
    }
    r = r < 0 ? r : add_state(labels, &arena, &change, &err);
    if (r == 0 && (change.n > 0 || note_differs(labels))) {
        r = send(labels, &change, &arena, &err);
    }
    if (r < 0) {
        gs_log_error("labels of the node: %s", err.msg);
    }
    gs_arena_done(&arena);
}

static bool concerns_us(const char *key)
{
    return strncmp(key, "nvidia.com/", strlen("nvidia.com/")) == 0;
}

static void keep_labels(struct gs_nodelabels *labels, const struct gs_cluster_node *node)
{
    gs_arena_done(&labels->node_arena);
    labels->n_have = 0;
    labels->have = GS_ARENA_NEW(&labels->node_arena, struct gs_label, node->labels.n + 1);
    for (size_t i = 0; labels->have != NULL && i < node->labels.n; i++) {
        const struct gs_cluster_pair *pair = &node->labels.at[i];
        if (concerns_us(pair->key)) {
            struct gs_label *kept = &labels->have[labels->n_have];
            kept->key = gs_arena_text(&labels->node_arena, pair->key, strlen(pair->key));
            kept->value = gs_arena_text(&labels->node_arena, pair->value, strlen(pair->value));
            labels->n_have += kept->key != NULL && kept->value != NULL;
        }
    }
}

static void make_note(const struct gs_nodelabels *labels, const char *value, char ret[NOTE_BYTES])
{
    snprintf(ret, NOTE_BYTES, "%.*s %s", VALUE_BYTES - 1, value, labels->boot_id);
}

static void keep_note(struct gs_nodelabels *labels, const struct gs_cluster_node *node)
{
    const char *note = gs_cluster_pairs_find(&node->annotations, note_key);
    snprintf(labels->have_note, sizeof(labels->have_note), "%s", note == NULL ? "" : note);
    if (!labels->seen) {
        memcpy(labels->want_note, labels->have_note, sizeof(labels->want_note));
    }
}

/* An agent before this one did what the label says, and then what the controller said. */
static bool was_overtaken(const struct gs_nodelabels *labels, const char *value)
{
    char note[NOTE_BYTES];
    make_note(labels, value, note);
    return !labels->seen && labels->boot_id[0] != '\0' && strcmp(note, labels->have_note) == 0;
}

/* The same value again is no new wish, but for the first that the agent sees. */
static void look_at_config(struct gs_nodelabels *labels, const struct gs_cluster_node *node)
{
    const char *key = labels->options.config->layout_label;
    const char *value = key[0] == '\0' ? NULL : gs_cluster_pairs_find(&node->labels, key);
    if (value == NULL || value[0] == '\0') {
        labels->has_config = false;
        return;
    }
    if (labels->has_config && strcmp(labels->config, value) == 0) {
        return;
    }
    snprintf(labels->config, sizeof(labels->config), "%s", value);
    labels->has_config = true;
    if (was_overtaken(labels, value)) {
        gs_log_info("layout %s of the label was there already, and the controller has cut "
                    "otherwise since: it stays so",
                    value);
        return;
    }
    labels->want_note[0] = '\0';
    labels->options.wanted(labels->options.ctx, labels->config);
}

void gs_nodelabels_node(struct gs_nodelabels *labels, const struct gs_cluster_node *node)
{
    labels->node_known = node != NULL;
    if (node != NULL) {
        keep_labels(labels, node);
        keep_note(labels, node);
        look_at_config(labels, node);
        labels->seen = true;
        turn(labels);
    }
}

void gs_nodelabels_update(struct gs_nodelabels *labels)
{
    turn(labels);
}

void gs_nodelabels_overtaken(struct gs_nodelabels *labels)
{
    if (labels->has_config && labels->boot_id[0] != '\0') {
        make_note(labels, labels->config, labels->want_note);
        turn(labels);
    }
}

/* "": not known, and then nothing is remembered. */
static void read_boot_id(char ret[BOOT_ID_BYTES])
{
    ret[0] = '\0';
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    if (file != NULL) {
        size_t n = fread(ret, 1, BOOT_ID_BYTES - 1, file);
        ret[n == BOOT_ID_BYTES - 1 ? n : 0] = '\0';
        (void)fclose(file);
    }
}

void gs_nodelabels_state(struct gs_nodelabels *labels, enum gs_mig_config_state state)
{
    labels->state = state;
    turn(labels);
}

int gs_nodelabels_new(const struct gs_nodelabels_options *options, struct gs_nodelabels **ret,
                      struct gs_err *err)
{
    struct gs_nodelabels *labels = calloc(1, sizeof(*labels));
    if (labels == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the labels of the node");
    }
    labels->options = *options;
    labels->state = GS_MIG_STATE_NONE;
    read_boot_id(labels->boot_id);
    gs_arena_init(&labels->node_arena, &gs_alloc_heap, TURN_BYTES_MAX);
    *ret = labels;
    return 0;
}

void gs_nodelabels_free(struct gs_nodelabels *labels)
{
    if (labels == NULL) {
        return;
    }
    if (labels->call != NULL) {
        gs_cluster_cancel(labels->options.cluster, labels->call);
    }
    sd_event_source_disable_unref(labels->retry);
    gs_arena_done(&labels->node_arena);
    free(labels);
}
