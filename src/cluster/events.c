#include "cluster/events.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/view.h"

enum {
    KEPT = 32, /* events that may come again */
    AT_ONCE = 10,
    WORD_MAX = 64,
    NOTE_MAX = 1024, /* bytes, with the end; of events.k8s.io/v1 */
    UID_MAX = 64,
    PERSON_MAX = 128,
    NODE_IN_NAME_MAX = 220
};
#define REPEAT_US 60000000ull
#define REFILL_US 6000000ull
#define FORGET_US 360000000ull
#define ACCURACY_US 100000ull

struct entry {
    struct gs_events *events;
    struct gs_cluster_call *call; /* a post is under way */
    char name[GS_CLUSTER_NAME_MAX];
    char reason[WORD_MAX];
    char action[WORD_MAX];
    char note[NOTE_MAX];
    bool warning;
    uint32_t count; /* 0: free */
    uint32_t told;  /* the count that the cluster knows */
    uint64_t first_us;
    uint64_t last_us;
    uint64_t posted_us; /* CLOCK_MONOTONIC, as the one below */
    uint64_t seen_us;
};

struct gs_events {
    sd_event *event;
    sd_event_source *timer;
    struct gs_cluster cluster;
    struct gs_events_counts counts;
    uint64_t repeat_us;
    uint64_t refill_us;
    uint64_t tokens_us; /* each new event costs refill_us of these */
    uint64_t filled_us; /* CLOCK_MONOTONIC: when they were counted */
    uint32_t number;
    char node[GS_CLUSTER_NAME_MAX];
    char uid[UID_MAX];
    char controller[PERSON_MAX];
    char instance[PERSON_MAX];
    struct entry entries[KEPT];
};

static void arm(struct gs_events *events);

/* ---- one post ---- */

static void on_posted(void *ctx, int result, const struct gs_err *err)
{
    struct entry *entry = ctx;
    struct gs_events *events = entry->events;
    (void)err;
    entry->call = NULL;
    if (result != 0) {
        events->counts.failed++;
        entry->count = entry->told == 0 ? 0 : entry->count; /* the next one is a new one */
    } else if (entry->told == 0) {
        events->counts.posted++;
        entry->told = 1;
    }
    arm(events);
}

static void post(struct entry *entry)
{
    struct gs_events *events = entry->events;
    const struct gs_cluster_event event = {
        .name = entry->name,
        .node = events->node,
        .node_uid = events->uid,
        .controller = events->controller,
        .instance = events->instance,
        .reason = entry->reason,
        .action = entry->action,
        .note = entry->note,
        .warning = entry->warning,
        .count = entry->told == 0 ? 1 : entry->count,
        .first_us = entry->first_us,
        .last_us = entry->last_us,
    };
    entry->posted_us = gs_now_us();
    entry->told = event.count == 1 ? entry->told : event.count;
    if (gs_cluster_post_event(&events->cluster, &event, on_posted, entry, &entry->call, NULL) !=
        0) {
        events->counts.failed++;
        entry->count = entry->told == 0 ? 0 : entry->count;
    }
}

/* ---- repeats ---- */

static bool has_more_to_tell(const struct entry *entry)
{
    return entry->count > 0 && entry->call == NULL && entry->told > 0 && entry->told < entry->count;
}

/* Sets the timer for the next repeat that is due. */
static void arm(struct gs_events *events)
{
    uint64_t due_us = UINT64_MAX;
    for (size_t i = 0; i < KEPT; i++) {
        const struct entry *entry = &events->entries[i];
        if (has_more_to_tell(entry) && entry->posted_us + events->repeat_us < due_us) {
            due_us = entry->posted_us + events->repeat_us;
        }
    }
    sd_event_source_set_time(events->timer, due_us);
    sd_event_source_set_enabled(events->timer,
                                due_us == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_events *events = ctx;
    (void)source;
    for (size_t i = 0; i < KEPT; i++) {
        struct entry *entry = &events->entries[i];
        if (has_more_to_tell(entry) && entry->posted_us + events->repeat_us <= usec) {
            post(entry);
        }
    }
    arm(events);
    return 0;
}

/* ---- new ones ---- */

/* Takes a token, if there is one. */
static bool may_post(struct gs_events *events, uint64_t now_us)
{
    uint64_t most_us = AT_ONCE * events->refill_us;
    events->tokens_us += now_us - events->filled_us;
    events->tokens_us = events->tokens_us > most_us ? most_us : events->tokens_us;
    events->filled_us = now_us;
    if (events->tokens_us < events->refill_us) {
        return false;
    }
    events->tokens_us -= events->refill_us;
    return true;
}

static struct entry *find(struct gs_events *events, const struct entry *like, uint64_t now_us)
{
    for (size_t i = 0; i < KEPT; i++) {
        struct entry *entry = &events->entries[i];
        if (entry->count > 0 && now_us - entry->seen_us < FORGET_US &&
            entry->warning == like->warning && strcmp(entry->reason, like->reason) == 0 &&
            strcmp(entry->action, like->action) == 0 && strcmp(entry->note, like->note) == 0) {
            return entry;
        }
    }
    return NULL;
}

/* A free entry, or the one that was seen least recently. NULL: a post of each is under way. */
static struct entry *find_room(struct gs_events *events)
{
    struct entry *oldest = NULL;
    for (size_t i = 0; i < KEPT; i++) {
        struct entry *entry = &events->entries[i];
        if (entry->call != NULL) {
            continue;
        }
        if (entry->count == 0) {
            return entry;
        }
        oldest = oldest == NULL || entry->seen_us < oldest->seen_us ? entry : oldest;
    }
    return oldest;
}

/* "<node>.<time><number>", as other programs name their events. */
static void name_entry(struct gs_events *events, struct entry *entry)
{
    int n = (int)strnlen(events->node, NODE_IN_NAME_MAX);
    while (n > 0 && (events->node[n - 1] == '.' || events->node[n - 1] == '-')) {
        n--;
    }
    snprintf(entry->name, sizeof(entry->name), "%.*s.%" PRIx64 "%04" PRIx32, n, events->node,
             entry->first_us, events->number++ & 0xFFFF);
}

static void post_new(struct gs_events *events, const struct entry *like, uint64_t now_us)
{
    struct entry *entry = find_room(events);
    if (entry == NULL || !may_post(events, now_us)) {
        events->counts.dropped++;
        return;
    }
    *entry = *like;
    entry->events = events;
    entry->count = 1;
    entry->seen_us = now_us;
    entry->first_us = gs_date_us();
    entry->last_us = entry->first_us;
    name_entry(events, entry);
    post(entry);
}

/* Cuts the text where it would break a character. */
static void trim_note(char *note)
{
    size_t n = strlen(note);
    uint32_t character;
    for (size_t i = 0; i < n;) {
        size_t size = gs_view_character((struct gs_view){.p = note + i, .n = n - i}, &character);
        if (size == 0) {
            note[i] = n - i < 4 ? '\0' : '?';
            size = 1;
        }
        i += size;
    }
}

void gs_events_post(struct gs_events *events, bool warning, const char *reason, const char *action,
                    const char *fmt, ...)
{
    struct entry like = {.warning = warning};
    uint64_t now_us = gs_now_us();
    va_list ap;
    snprintf(like.reason, sizeof(like.reason), "%s", reason);
    snprintf(like.action, sizeof(like.action), "%s", action);
    va_start(ap, fmt);
    vsnprintf(like.note, sizeof(like.note), fmt, ap);
    va_end(ap);
    trim_note(like.note);
    struct entry *entry = find(events, &like, now_us);
    if (entry == NULL) {
        post_new(events, &like, now_us);
        return;
    }
    entry->count += entry->count < UINT32_MAX;
    entry->seen_us = now_us;
    entry->last_us = gs_date_us();
    events->counts.repeated++;
    arm(events);
}

/* ---- all ---- */

static int copy(char *to, size_t size, const char *from, const char *what, struct gs_err *err)
{
    if (strlen(from) >= size) {
        return gs_fail(err, GS_INVALID, "%s of events: %zu bytes; expected fewer than %zu", what,
                       strlen(from), size);
    }
    memcpy(to, from, strlen(from) + 1);
    return 0;
}

int gs_events_new(const struct gs_events_options *options, struct gs_events **ret,
                  struct gs_err *err)
{
    struct gs_events *events = calloc(1, sizeof(*events));
    if (events == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for events");
    }
    events->event = sd_event_ref(options->event);
    events->cluster = options->cluster;
    events->repeat_us = options->repeat_us == 0 ? REPEAT_US : options->repeat_us;
    events->refill_us = options->refill_us == 0 ? REFILL_US : options->refill_us;
    events->tokens_us = AT_ONCE * events->refill_us;
    events->filled_us = gs_now_us();
    int r = copy(events->node, sizeof(events->node), options->node, "the node", err);
    r = r == 0 ? copy(events->controller, sizeof(events->controller), options->controller,
                      "the controller", err)
               : r;
    r = r == 0 ? copy(events->instance, sizeof(events->instance), options->instance, "the instance",
                      err)
               : r;
    if (r == 0) {
        int s = sd_event_add_time(events->event, &events->timer, CLOCK_MONOTONIC, UINT64_MAX,
                                  ACCURACY_US, on_timer, events);
        r = s < 0 ? gs_fail_errno(err, -s, "adding a timer for events") : 0;
    }
    if (r != 0) {
        gs_events_free(events);
        return r;
    }
    *ret = events;
    return 0;
}

void gs_events_free(struct gs_events *events)
{
    if (events == NULL) {
        return;
    }
    for (size_t i = 0; i < KEPT; i++) {
        if (events->entries[i].call != NULL) {
            gs_cluster_cancel(&events->cluster, events->entries[i].call);
        }
    }
    sd_event_source_disable_unref(events->timer);
    sd_event_unref(events->event);
    free(events);
}

void gs_events_know_uid(struct gs_events *events, const char *uid)
{
    if (strlen(uid) < sizeof(events->uid)) {
        memcpy(events->uid, uid, strlen(uid) + 1);
    }
}

struct gs_events_counts gs_events_counts(const struct gs_events *events)
{
    return events->counts;
}
