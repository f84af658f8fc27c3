#include "cli/cluster/leftovers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/table.h"
#include "cli/cluster/commands.h"
#include "picture/store.h"
#include "wire/kubemove.h"
#include "wire/kubenode.h"
#include "wire/kubepatch.h"
#include "wire/kubewait.h"
#include "wire/slicepool.h"

#define NAMES_BYTES_MAX ((size_t)1 << 28)
#define HELD "gpuslice.dev/held"
#define HOLD "karpenter.sh/do-not-disrupt"
#define NOTES "{\"" GS_KUBEWAIT_BOOKED "\":null,\"" GS_KUBEMOVE_NOTE "\":null}"
#define POOL_SELECTOR "labelSelector=gpuslice.dev%2Fslicepool"

enum { PATH_BYTES_MAX = 700, LOOK_MS = 500 };

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for what is in the cluster");
}

void gs_leftovers_say(struct gs_leftovers *left, const char *kind, const char *name,
                      const char *done, const struct gs_err *why)
{
    gs_buf_printf(&left->out, "%s ", kind);
    gs_text_clean(&left->out, name, strlen(name));
    gs_buf_puts(&left->out, ": ");
    left->n++;
    if (why != NULL) {
        gs_buf_puts(&left->out, "NOT ");
        gs_buf_puts(&left->out, done);
        gs_buf_puts(&left->out, ": ");
        gs_text_clean(&left->out, why->msg, strlen(why->msg));
        left->failed = left->failed.code == GS_OK ? *why : left->failed;
    } else {
        gs_buf_puts(&left->out, left->dry_run ? "would be " : "");
        gs_buf_puts(&left->out, done);
    }
    gs_buf_puts(&left->out, "\n");
}

/* ---- one request, one list ---- */

/* One that is not allowed, or not understood, ends nothing but itself. */
static bool ends_all(int result, const struct gs_err *why)
{
    return result == GS_NO_MEMORY || result == GS_LIMIT ||
           (result == GS_IO && why->sys_errno != EPERM);
}

/* 0 and *ret_why (code GS_OK where it was done), or what ends all. */
static int ask(struct gs_leftovers *left, const char *method, const char *path, const char *type,
               const char *body, struct gs_err *ret_why, struct gs_err *err)
{
    struct gs_link_request request = {.method = method, .path = path, .type = type};
    if (body != NULL) {
        request.body = gs_view(body);
    }
    gs_link_begin(left->link, &request);
    int r = gs_link_wait(left->link, err);
    *ret_why = request.result == 0 ? (struct gs_err){.code = GS_OK} : request.err;
    if (r == 0 && ends_all(request.result, &request.err)) {
        *err = request.err;
        r = request.result;
    }
    gs_link_drop(&request);
    return r;
}

/* Does it to one thing and says so. A thing that is gone is no failure. */
static int do_to(struct gs_leftovers *left, const char *kind, const char *name, const char *done,
                 const struct gs_kube_request *what, struct gs_err *err)
{
    struct gs_err why = {.code = GS_OK};
    int r = left->dry_run
                ? 0
                : ask(left, what->method, what->path, what->type, what->body.p, &why, err);
    if (r == 0 && why.code != GS_NOT_FOUND) {
        gs_leftovers_say(left, kind, name, done, why.code == GS_OK ? NULL : &why);
    }
    return r;
}

/* Objects of a kind, as far as they matter. */
struct names {
    struct gs_arena arena;
    struct thing {
        const char *name;
        const char *name_space; /* "": none */
        bool bound;             /* a pod with a node */
        bool held;              /* a node with our annotation */
        bool leaving;           /* one that we have cordoned */
        bool tainted;           /* a node with our startup taint, at */
        size_t taint;
        json_t *element; /* the taint as it stands */
    } * at;
    size_t n;
    size_t cap;
    bool (*matters)(const json_t *object, struct thing *thing);
};

static void drop_names(struct names *names)
{
    for (size_t i = 0; i < names->n; i++) {
        json_decref(names->at[i].element);
    }
    gs_arena_done(&names->arena);
}

static void on_begin(void *ctx)
{
    struct names *names = ctx;
    for (size_t i = 0; i < names->n; i++) {
        json_decref(names->at[i].element);
    }
    names->n = 0;
}

static int on_object(void *ctx, const struct json_t *object, struct gs_err *err)
{
    struct names *names = ctx;
    const json_t *metadata = json_object_get(object, "metadata");
    const char *name = json_string_value(json_object_get(metadata, "name"));
    const char *space = json_string_value(json_object_get(metadata, "namespace"));
    struct thing thing = {.name = name};
    if (name == NULL || !gs_is_object_name(name) || (space != NULL && !gs_is_object_name(space)) ||
        (names->matters != NULL && !names->matters(object, &thing))) {
        return 0;
    }
    thing.name = gs_arena_text(&names->arena, name, strlen(name));
    thing.name_space = space == NULL ? "" : gs_arena_text(&names->arena, space, strlen(space));
    if (thing.name == NULL || thing.name_space == NULL ||
        !gs_arena_room(&names->arena, &names->at, &names->cap, names->n, sizeof(thing))) {
        json_decref(thing.element);
        return no_memory(err);
    }
    names->at[names->n++] = thing;
    return 0;
}

/* 0: `names` has them; a kind that the cluster does not have has none. `say`: a list that is not
 * allowed is said. */
static int list(struct gs_leftovers *left, const char *kind, const char *path, const char *selector,
                struct names *names, struct gs_err *err)
{
    struct gs_link_list one = {.kind = kind,
                               .path = path,
                               .selector = selector,
                               .begin = on_begin,
                               .take = on_object,
                               .ctx = names};
    gs_arena_init(&names->arena, &gs_alloc_heap, NAMES_BYTES_MAX);
    gs_link_begin_list(left->link, &one);
    int r = gs_link_wait(left->link, err);
    if (r == 0 && ends_all(one.result, &one.err)) {
        *err = one.err;
        return one.result;
    }
    if (r == 0 && one.result != 0 && one.result != GS_NOT_FOUND) {
        gs_leftovers_say(left, kind, "objects", "looked for", &one.err);
    }
    return r;
}

/* ---- waiting ---- */

static void look_later(void)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000l};
    (void)nanosleep(&pause, NULL);
}

/* Until there are none. What is left when the time is over is said. */
static int wait_for_none(struct gs_leftovers *left, const char *kind, const char *path,
                         const char *selector, struct gs_err *err)
{
    uint64_t looks = left->wait_s * 1000 / LOOK_MS;
    struct gs_err failed = left->failed; /* a list that fails is tried again */
    for (uint64_t i = 0; !left->dry_run; i++) {
        GS_CLEANUP(drop_names) struct names names = {.at = NULL};
        int r = list(left, kind, path, selector, &names, err);
        if (r != 0 || names.n == 0) {
            return r;
        }
        if (i >= looks) {
            struct gs_err late;
            left->failed = failed;
            gs_fail(&late, GS_BUSY,
                    "%zu %ss are still there after %llu s, %.200s the first; run "
                    "this again, or look at their finalizers",
                    names.n, kind, (unsigned long long)left->wait_s, names.at[0].name);
            gs_leftovers_say(left, kind, names.at[0].name, "gone", &late);
            return 0;
        }
        look_later();
    }
    return 0;
}

/* ---- the webhook, SlicePools, the controller ---- */

int gs_leftovers_webhook(struct gs_leftovers *left, struct gs_err *err)
{
    static const char path[] =
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/gpuslice";
    struct gs_err why;
    int r = 0;
    if (left->dry_run) {
        r = ask(left, "GET", path, NULL, NULL, &why, err);
        if (r != 0 || why.code == GS_NOT_FOUND) {
            return r;
        }
    }
    const struct gs_kube_request removal = {.method = "DELETE", .path = path};
    return do_to(left, "MutatingWebhookConfiguration", "gpuslice", "deleted", &removal, err);
}

static int remove_all(struct gs_leftovers *left, const char *kind, const char *path,
                      const char *selector, struct gs_err *err)
{
    GS_CLEANUP(drop_names) struct names names = {.at = NULL};
    int r = list(left, kind, path, selector, &names, err);
    for (size_t i = 0; r == 0 && i < names.n; i++) {
        char one[PATH_BYTES_MAX];
        (void)snprintf(one, sizeof(one), "%s/%s", path, names.at[i].name);
        const struct gs_kube_request removal = {.method = "DELETE", .path = one};
        r = do_to(left, kind, names.at[i].name, "deleted", &removal, err);
    }
    return r;
}

int gs_leftovers_pools(struct gs_leftovers *left, struct gs_err *err)
{
    static const struct {
        const char *kind;
        const char *path;
    } made[] = {{"NodePool", "/apis/karpenter.sh/v1/nodepools"},
                {"NodeOverlay", "/apis/karpenter.sh/v1alpha1/nodeoverlays"}};
    int r = remove_all(left, "SlicePool", GS_SLICEPOOL_PATH, NULL, err);
    /* they go with their SlicePool; one whose SlicePool went without them is an orphan */
    for (size_t i = 0; r == 0 && i < GS_ARRAY_LEN(made); i++) {
        r = remove_all(left, made[i].kind, made[i].path, POOL_SELECTOR, err);
    }
    for (size_t i = 0; r == 0 && i < GS_ARRAY_LEN(made); i++) {
        r = wait_for_none(left, made[i].kind, made[i].path, POOL_SELECTOR, err);
    }
    return r;
}

int gs_leftovers_controller(struct gs_leftovers *left, struct gs_err *err)
{
    static const char selector[] = "labelSelector=app.kubernetes.io%2Fname%3Dgpuslice-controller";
    char path[PATH_BYTES_MAX];
    struct gs_err why;
    if (!gs_is_object_name(left->name_space)) {
        return gs_fail(err, GS_INVALID, "\"%.100s\" is no name of a namespace", left->name_space);
    }
    (void)snprintf(path, sizeof(path),
                   "/apis/apps/v1/namespaces/%s/deployments/gpuslice-controller/scale",
                   left->name_space);
    int r = ask(left, "GET", path, NULL, NULL, &why, err);
    if (r != 0 || why.code == GS_NOT_FOUND) {
        return r;
    }
    const struct gs_kube_request none = {.method = "PATCH",
                                         .path = path,
                                         .type = GS_KUBEPATCH_MERGE,
                                         .body = gs_view("{\"spec\":{\"replicas\":0}}")};
    r = do_to(left, "Deployment", "gpuslice-controller", "scaled to none", &none, err);
    (void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods", left->name_space);
    return r == 0 ? wait_for_none(left, "Pod", path, selector, err) : r;
}

/* ---- pods ---- */

static bool is_booked(const json_t *object, struct thing *thing)
{
    const json_t *annotations = json_object_get(json_object_get(object, "metadata"), "annotations");
    const char *node =
        json_string_value(json_object_get(json_object_get(object, "spec"), "nodeName"));
    thing->bound = node != NULL && node[0] != '\0';
    return json_object_get(annotations, GS_KUBEWAIT_BOOKED) != NULL ||
           json_object_get(annotations, GS_KUBEMOVE_NOTE) != NULL;
}

int gs_leftovers_pods(struct gs_leftovers *left, struct gs_err *err)
{
    GS_CLEANUP(drop_names) struct names names = {.matters = is_booked};
    int r = list(left, "Pod", "/api/v1/pods", NULL, &names, err);
    for (size_t i = 0; r == 0 && i < names.n; i++) {
        const struct thing *pod = &names.at[i];
        char path[PATH_BYTES_MAX];
        char name[600];
        (void)snprintf(path, sizeof(path), "/api/v1/namespaces/%s/pods/%s%s", pod->name_space,
                       pod->name, pod->bound ? "" : "/status");
        (void)snprintf(name, sizeof(name), "%s/%s", pod->name_space, pod->name);
        const struct gs_kube_request change = {
            .method = "PATCH",
            .path = path,
            .type = GS_KUBEPATCH_MERGE,
            .body = gs_view(pod->bound ? "{\"metadata\":{\"annotations\":" NOTES "}}"
                                       : "{\"metadata\":{\"annotations\":" NOTES
                                         "},\"status\":{\"nominatedNodeName\":null}}")};
        r = do_to(left, "booking of pod", name, "taken off", &change, err);
    }
    return r;
}

/* ---- nodes ---- */

static bool has_ours(const json_t *object, struct thing *thing)
{
    const json_t *annotations = json_object_get(json_object_get(object, "metadata"), "annotations");
    const json_t *taints = json_object_get(json_object_get(object, "spec"), "taints");
    thing->held = json_object_get(annotations, HELD) != NULL;
    thing->leaving = json_object_get(annotations, GS_STORE_LEAVING) != NULL;
    for (size_t i = 0; i < json_array_size(taints) && !thing->tainted; i++) {
        json_t *taint = json_array_get(taints, i);
        const char *key = json_string_value(json_object_get(taint, "key"));
        if (key != NULL && strcmp(key, GS_KUBENODE_STARTUP_TAINT) == 0) {
            thing->tainted = true;
            thing->taint = i;
            thing->element = json_incref(taint);
        }
    }
    return thing->held || thing->leaving || thing->tainted;
}

static int free_node(struct gs_leftovers *left, const struct thing *node, struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf patch;
    char path[PATH_BYTES_MAX];
    gs_buf_init(&patch, 4096);
    (void)snprintf(path, sizeof(path), "/api/v1/nodes/%s", node->name);
    const struct gs_kube_request change = {
        .method = "PATCH",
        .path = path,
        .type = GS_KUBEPATCH_MERGE,
        .body = gs_view("{\"metadata\":{\"annotations\":{\"" HELD "\":null,\"" HOLD "\":null}}}")};
    int r =
        node->held ? do_to(left, "annotations of node", node->name, "taken off", &change, err) : 0;
    const struct gs_kube_request uncordon = {
        .method = "PATCH",
        .path = path,
        .type = GS_KUBEPATCH_MERGE,
        .body = gs_view("{\"metadata\":{\"annotations\":{\"" GS_STORE_LEAVING
                        "\":null}},\"spec\":{\"unschedulable\":null}}")};
    if (r == 0 && node->leaving) {
        r = do_to(left, "cordon of node", node->name, "taken off", &uncordon, err);
    }
    if (r != 0 || !node->tainted) {
        return r;
    }
    r = gs_kubepatch_remove("/spec/taints", node->taint, node->element, &patch, err);
    const struct gs_kube_request removal = {.method = "PATCH",
                                            .path = path,
                                            .type = GS_KUBEPATCH_JSON,
                                            .body = gs_view(gs_buf_text(&patch))};
    return r == 0 ? do_to(left, "startup taint of node", node->name, "taken off", &removal, err)
                  : r;
}

int gs_leftovers_nodes(struct gs_leftovers *left, struct gs_err *err)
{
    GS_CLEANUP(drop_names) struct names names = {.matters = has_ours};
    int r = list(left, "Node", "/api/v1/nodes", NULL, &names, err);
    for (size_t i = 0; r == 0 && i < names.n; i++) {
        r = free_node(left, &names.at[i], err);
    }
    return r;
}
