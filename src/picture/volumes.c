#include "picture/volumes.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "picture/volumes_work.h"

#define ARENA_BYTES_MAX ((size_t)4 << 20)

enum {
    GROUPS_MAX = 2 * GS_KUBEPOD_CLAIMS_MAX, /* a volume's terms, and its labels */
    SAYS_MAX = 400
};

/* What is asked for. */
enum step { CLAIM, VOLUME, CLASS };

struct gs_volumes_reading {
    struct gs_volumes *volumes;
    const char *name_space;
    const char *uid; /* of the pod */
    const struct gs_kubepod_claim *claims;
    size_t n_claims;
    size_t at; /* n_claims: nothing more is to be asked */
    enum step step;
    struct gs_kubevolume_claim claim; /* the one that is looked at */
    struct gs_volumes_group *groups;
    const char **one_pods;
    bool more; /* claims than are looked at */
    char says[SAYS_MAX];
    char path[GS_VOLUMES_PATH_MAX];
};

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the volumes of a pod");
}

void gs_volumes_free(struct gs_volumes *volumes)
{
    if (volumes != NULL) {
        gs_arena_done(&volumes->arena);
        free(volumes);
    }
}

void gs_volumes_reading_free(struct gs_volumes_reading *reading)
{
    if (reading != NULL) {
        gs_volumes_free(reading->volumes);
        free(reading);
    }
}

/* ---- what is to be asked ---- */

static void set_path(struct gs_volumes_reading *reading)
{
    const char *name = reading->at == reading->n_claims ? "" : reading->claims[reading->at].name;
    switch (reading->step) {
    case CLAIM:
        snprintf(reading->path, sizeof(reading->path),
                 "/api/v1/namespaces/%s/persistentvolumeclaims/%s", reading->name_space, name);
        break;
    case VOLUME:
        snprintf(reading->path, sizeof(reading->path), "/api/v1/persistentvolumes/%s",
                 reading->claim.volume);
        break;
    case CLASS:
        snprintf(reading->path, sizeof(reading->path), "/apis/storage.k8s.io/v1/storageclasses/%s",
                 reading->claim.class);
        break;
    }
}

static void ask(struct gs_volumes_reading *reading, enum step step)
{
    reading->step = step;
    set_path(reading);
}

static void ask_next_claim(struct gs_volumes_reading *reading)
{
    reading->at++;
    ask(reading, CLAIM);
}

const char *gs_volumes_next(const struct gs_volumes_reading *reading)
{
    return reading->at < reading->n_claims ? reading->path : NULL;
}

static bool copy_claims(struct gs_volumes_reading *reading, const struct gs_kubepod *pod,
                        const char *uid)
{
    struct gs_arena *arena = &reading->volumes->arena;
    struct gs_kubepod_claim *claims = GS_ARENA_NEW(arena, struct gs_kubepod_claim, pod->n_claims);
    reading->name_space = gs_arena_text(arena, pod->name_space, strlen(pod->name_space));
    reading->uid = gs_arena_text(arena, uid, strlen(uid));
    reading->groups = GS_ARENA_NEW(arena, struct gs_volumes_group, GROUPS_MAX);
    reading->one_pods = GS_ARENA_NEW(arena, const char *, GS_KUBEPOD_CLAIMS_MAX);
    bool all = claims != NULL && reading->name_space != NULL && reading->uid != NULL &&
               reading->groups != NULL && reading->one_pods != NULL;
    for (size_t i = 0; all && i < pod->n_claims; i++) {
        claims[i] = pod->claims[i];
        claims[i].name = gs_arena_text(arena, pod->claims[i].name, strlen(pod->claims[i].name));
        all = claims[i].name != NULL;
    }
    reading->claims = claims;
    reading->n_claims = pod->n_claims;
    reading->more = pod->more_claims;
    return all;
}

struct gs_volumes_reading *gs_volumes_read(const struct gs_kubepod *pod, const char *uid)
{
    struct gs_volumes_reading *reading = calloc(1, sizeof(*reading));
    if (reading == NULL) {
        return NULL;
    }
    reading->volumes = calloc(1, sizeof(*reading->volumes));
    if (reading->volumes == NULL) {
        free(reading);
        return NULL;
    }
    gs_arena_init(&reading->volumes->arena, &gs_alloc_heap, ARENA_BYTES_MAX);
    if (!copy_claims(reading, pod, uid)) {
        gs_volumes_reading_free(reading);
        return NULL;
    }
    ask(reading, CLAIM);
    return reading;
}

/* ---- what is said ---- */

static int note(struct gs_volumes_reading *reading, const char **ret, const char *text,
                struct gs_err *err)
{
    *ret = text;
    reading->at = reading->n_claims;
    return text == NULL ? no_memory(err) : 0;
}

/* The scheduler takes the pod nowhere until this is otherwise: nothing more is asked. */
static int wait_for(struct gs_volumes_reading *reading, const char *text, struct gs_err *err)
{
    return note(reading, &reading->volumes->waits, text, err);
}

int gs_volumes_fail(struct gs_volumes_reading *reading, const char *why, struct gs_err *err)
{
    struct gs_volumes *volumes = reading->volumes;
    const char *text = gs_arena_printf(&volumes->arena, "%.*s", GS_VOLUMES_TEXT_MAX - 1, why);
    return note(reading, &volumes->unread, text, err);
}

/* `groups` are the last ones of the volume. */
static void say(struct gs_volumes_reading *reading, const struct gs_volumes_group *group,
                bool is_there)
{
    char place[GS_VOLUMES_TEXT_MAX];
    size_t n = strlen(reading->says);
    if (gs_volumes_place(group, place, sizeof(place))) {
        snprintf(reading->says + n, sizeof(reading->says) - n, "%sits volume %.100s is %s%s",
                 n == 0 ? "" : "; ", reading->claims[reading->at].name,
                 is_there ? "" : "made only ", place);
    }
}

static int add_group(struct gs_volumes_reading *reading, const struct gs_term *terms, size_t n,
                     bool is_there, struct gs_err *err)
{
    struct gs_volumes *volumes = reading->volumes;
    struct gs_volumes_group *group = &reading->groups[volumes->n_groups];
    int r = n == 0 ? 0 : gs_volumes_group_of(terms, n, &volumes->arena, group, err);
    if (n > 0 && r == 0) {
        volumes->n_groups++;
        say(reading, group, is_there);
    }
    return r;
}

/* ---- answers ---- */

static int take_volume(struct gs_volumes_reading *reading, const json_t *object, struct gs_err *err)
{
    struct gs_volumes *volumes = reading->volumes;
    struct gs_kubevolume volume;
    struct gs_volumes_group *group = &reading->groups[volumes->n_groups];
    if (object == NULL) {
        return wait_for(reading,
                        gs_arena_printf(&volumes->arena,
                                        "PersistentVolumeClaim %s is bound to PersistentVolume %s, "
                                        "which is not there",
                                        reading->claim.name, reading->claim.volume),
                        err);
    }
    int r = gs_kubevolume_volume(object, &volumes->arena, &volume, err);
    r = r == 0 ? add_group(reading, volume.terms, volume.n_terms, true, err) : r;
    if (r == 0 && volume.zones.n_requirements > 0 &&
        !gs_volumes_implies(volume.n_terms == 0 ? NULL : group, &volume.zones)) {
        struct gs_term terms[2];
        r = gs_volumes_zones(&volume.zones, &volumes->arena, terms, err);
        r = r == 0 ? add_group(reading, terms, 2, true, err) : r;
    }
    if (r == 0) {
        ask_next_claim(reading);
    }
    return r;
}

/* `because`: its StorageClass, which is named between the two texts. */
static int wait_for_binding(struct gs_volumes_reading *reading, const char *because,
                            const char *end, struct gs_err *err)
{
    const char *class = because[0] == '\0' ? "" : reading->claim.class;
    return wait_for(reading,
                    gs_arena_printf(&reading->volumes->arena,
                                    "PersistentVolumeClaim %s is not bound to a volume yet%s%s%s",
                                    reading->claim.name, because, class, end),
                    err);
}

static int take_class(struct gs_volumes_reading *reading, const json_t *object, struct gs_err *err)
{
    struct gs_volumes *volumes = reading->volumes;
    struct gs_kubevolume_class class;
    if (object == NULL) {
        return wait_for_binding(reading, ", and there is no StorageClass ", "", err);
    }
    int r = gs_kubevolume_class(object, &volumes->arena, &class, err);
    if (r != 0) {
        return r;
    }
    if (!class.waits) {
        return wait_for_binding(reading, " (StorageClass ",
                                ", volumeBindingMode Immediate, does not wait for pods)", err);
    }
    if (reading->claim.node[0] != '\0') {
        struct gs_term term;
        r = gs_volumes_named(reading->claim.node, &volumes->arena, &term, err);
        r = r == 0 ? add_group(reading, &term, 1, false, err) : r;
    }
    /* volumes that are there are found by the scheduler; those of no provisioner always */
    r = r == 0 && class.makes ? add_group(reading, class.terms, class.n_terms, false, err) : r;
    if (r == 0) {
        ask_next_claim(reading);
    }
    return r;
}

/* What keeps every pod from running that has such a claim; "": nothing. NULL: no memory. */
static const char *what_is_wrong(struct gs_volumes_reading *reading, const json_t *object)
{
    struct gs_arena *arena = &reading->volumes->arena;
    const struct gs_kubepod_claim *asked = &reading->claims[reading->at];
    const struct gs_kubevolume_claim *claim = &reading->claim;
    if (object == NULL) {
        return gs_arena_printf(arena, "PersistentVolumeClaim %s%s is not there%s", asked->name,
                               asked->own ? ", which Kubernetes makes for it," : "",
                               asked->own ? " yet" : "");
    }
    if (claim->lost) {
        return gs_arena_printf(arena,
                               "PersistentVolumeClaim %s has lost its volume: PersistentVolume %s "
                               "is not there",
                               claim->name, claim->volume);
    }
    if (claim->deleting) {
        return gs_arena_printf(arena, "PersistentVolumeClaim %s is being deleted", claim->name);
    }
    if (asked->own && strcmp(claim->owner, reading->uid) != 0) {
        return gs_arena_printf(arena,
                               "PersistentVolumeClaim %s, which Kubernetes is to make for it, is "
                               "there already and is not this pod's",
                               claim->name);
    }
    return "";
}

static int take_claim(struct gs_volumes_reading *reading, const json_t *object, struct gs_err *err)
{
    struct gs_volumes *volumes = reading->volumes;
    struct gs_kubevolume_claim *claim = &reading->claim;
    *claim = (struct gs_kubevolume_claim){.bound = false};
    int r = object == NULL ? 0 : gs_kubevolume_claim(object, &volumes->arena, claim, err);
    if (r != 0) {
        return r;
    }
    const char *wrong = what_is_wrong(reading, object);
    if (wrong == NULL || wrong[0] != '\0') {
        return wait_for(reading, wrong, err);
    }
    if (claim->one_pod && !reading->claims[reading->at].own) {
        reading->one_pods[volumes->n_one_pods++] = reading->claims[reading->at].name;
    }
    if (claim->bound) {
        ask(reading, VOLUME);
        return 0;
    }
    if (claim->volume[0] != '\0' || claim->class[0] == '\0') {
        return wait_for_binding(reading, "", "", err);
    }
    ask(reading, CLASS);
    return 0;
}

int gs_volumes_take(struct gs_volumes_reading *reading, const struct json_t *object,
                    struct gs_err *err)
{
    struct gs_err why = {.code = GS_OK};
    char text[GS_VOLUMES_TEXT_MAX];
    int r = 0;
    switch (reading->step) {
    case CLAIM:
        r = take_claim(reading, object, &why);
        break;
    case VOLUME:
        r = take_volume(reading, object, &why);
        break;
    case CLASS:
        r = take_class(reading, object, &why);
        break;
    }
    if (r == GS_INVALID || r == GS_LIMIT) {
        snprintf(text, sizeof(text), "%.100s: %.120s", reading->path, why.msg);
        return gs_volumes_fail(reading, text, err);
    }
    if (r != 0 && err != NULL) {
        *err = why;
    }
    return r;
}

/* False: no memory. */
static bool say_unread(const struct gs_volumes_reading *reading)
{
    struct gs_volumes *volumes = reading->volumes;
    if (reading->more && volumes->unread == NULL && volumes->waits == NULL) {
        volumes->unread = gs_arena_printf(
            &volumes->arena, "it has more PersistentVolumeClaims than the %zu that were looked at",
            reading->n_claims);
        return volumes->unread != NULL;
    }
    return true;
}

struct gs_volumes *gs_volumes_end(struct gs_volumes_reading *reading)
{
    struct gs_volumes *volumes = reading->volumes;
    volumes->groups = reading->groups;
    volumes->one_pods = reading->one_pods;
    volumes->says = gs_arena_text(&volumes->arena, reading->says, strlen(reading->says));
    if (volumes->says == NULL || !say_unread(reading)) {
        gs_volumes_reading_free(reading);
        return NULL;
    }
    free(reading);
    return volumes;
}
