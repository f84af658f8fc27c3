#include "agent/gather.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "net/grpc_client.h"
#include "partition/holder.h"

enum {
    KUBELET_LIMIT_US = 5 * 1000 * 1000,
    API_LIMIT_US = 10 * 1000 * 1000,
    POD_DIRS_MAX = 16384,
    PROCESSES_OF_GPU_MAX = 1024
};

/* ---- The kubelet ---- */

/* One question to pod-resources, and what its answer is decoded into. */
struct question {
    const struct gs_gather *gather;
    const char *method;
    int (*decode)(struct question *question, struct gs_view bytes, struct gs_err *err);
    struct gs_arena *arena;
    void *answer;
    struct gs_grpc_ask *ask;
    struct gs_await *await;
};

static int decode_list(struct question *question, struct gs_view bytes, struct gs_err *err)
{
    return gs_podres_list_decode(question->arena, bytes, question->answer, err);
}

static int decode_allocatable(struct question *question, struct gs_view bytes, struct gs_err *err)
{
    return gs_podres_allocatable_decode(question->arena, bytes, question->answer, err);
}

static void on_answer(void *ctx, int r, struct gs_view response, const struct gs_err *err)
{
    struct question *question = ctx;
    struct gs_err local = {.code = GS_OK};
    question->ask = NULL;
    if (r == 0) {
        r = question->decode(question, response, &local);
        err = &local;
    }
    gs_await_end(question->await, r, err);
}

static void begin_question(void *ctx, struct gs_await *await)
{
    struct question *question = ctx;
    struct gs_err err;
    static const struct gs_view nothing = {.p = "", .n = 0};
    question->await = await;
    int r = gs_grpc_ask(question->gather->event, question->gather->config->pod_resources_socket,
                        question->method, nothing, KUBELET_LIMIT_US, on_answer, question,
                        &question->ask, &err);
    if (r < 0) {
        gs_await_end(await, r, &err);
    }
}

static void give_up_question(void *ctx)
{
    struct question *question = ctx;
    if (question->ask != NULL) {
        gs_grpc_ask_cancel(question->ask);
    }
}

static int ask_kubelet(struct question *question, struct gs_err *err)
{
    int r = gs_await_run(question->gather->handoff, begin_question, give_up_question, question,
                         2 * KUBELET_LIMIT_US, err);
    return gs_wrap(err, r, "asking the kubelet at %s",
                   question->gather->config->pod_resources_socket);
}

int gs_gather_allocatable(const struct gs_gather *gather, struct gs_arena *arena,
                          struct gs_podres_allocatable *ret, struct gs_err *err)
{
    struct question question = {.gather = gather,
                                .method = GS_PODRES_GET_ALLOCATABLE,
                                .decode = decode_allocatable,
                                .arena = arena,
                                .answer = ret};
    return ask_kubelet(&question, err);
}

static int read_checkpoint(const struct gs_gather *gather, struct gs_arena *arena,
                           struct gs_kubelet_checkpoint *ret, struct gs_err *err)
{
    char path[1024];
    struct stat st;
    snprintf(path, sizeof(path), "%s/device-plugins/kubelet_internal_checkpoint",
             gather->config->kubelet_root);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        *ret = (struct gs_kubelet_checkpoint){.n_grants = 0}; /* nothing was granted yet */
        return 0;
    }
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > GS_KUBELET_CHECKPOINT_BYTES_MAX) {
        int e = fd < 0 ? errno : EFBIG;
        if (fd >= 0) {
            close(fd);
        }
        return gs_fail_errno(err, e, "%s", path);
    }
    char *bytes = gs_arena_get_raw(arena, 1, (size_t)st.st_size + 1);
    ssize_t n = bytes == NULL ? -1 : read(fd, bytes, (size_t)st.st_size);
    close(fd);
    if (n != st.st_size) {
        return gs_fail(err, bytes == NULL ? GS_NO_MEMORY : GS_IO, "%s could not be read", path);
    }
    return gs_kubelet_checkpoint_parse(arena, path, (struct gs_view){.p = bytes, .n = (size_t)n},
                                       ret, err);
}

/* ---- The API server ---- */

struct pods_question {
    const struct gs_gather *gather;
    struct gs_arena *arena;
    struct gs_holding_input *input;    /* gets the pods; or NULL */
    const struct gs_gather_ask **asks; /* or gets the sums */
    unsigned *n_asks;
    struct gs_cluster_call *call;
    struct gs_await *await;
};

static int keep_pods(struct pods_question *question, const struct gs_cluster_pod *pods, size_t n,
                     struct gs_err *err)
{
    struct gs_holder_pod *kept = GS_ARENA_NEW(question->arena, struct gs_holder_pod, n);
    bool all = kept != NULL;
    for (size_t i = 0; all && i < n; i++) {
        kept[i] = (struct gs_holder_pod){
            .uid = gs_arena_text(question->arena, pods[i].uid, strlen(pods[i].uid)),
            .name_space =
                gs_arena_text(question->arena, pods[i].name_space, strlen(pods[i].name_space)),
            .name = gs_arena_text(question->arena, pods[i].name, strlen(pods[i].name)),
            .finished = pods[i].phase == GS_CLUSTER_SUCCEEDED || pods[i].phase == GS_CLUSTER_FAILED,
        };
        all = kept[i].uid != NULL && kept[i].name_space != NULL && kept[i].name != NULL;
    }
    if (!all) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the pods of the node");
    }
    question->input->pods = kept;
    question->input->n_pods = (unsigned)n;
    question->input->pods_known = true;
    return 0;
}

static int add_ask(struct pods_question *question, struct gs_gather_ask *sums, unsigned *n,
                   unsigned cap, const struct gs_cluster_amount *ask, struct gs_err *err)
{
    for (unsigned i = 0; i < *n; i++) {
        if (strcmp(sums[i].resource, ask->resource) == 0) {
            sums[i].count += ask->count;
            return 0;
        }
    }
    if (*n == cap) {
        return gs_fail(err, GS_LIMIT, "pods of this node ask for more than %u resources", cap);
    }
    sums[*n].resource = gs_arena_text(question->arena, ask->resource, strlen(ask->resource));
    sums[*n].count = ask->count;
    return sums[(*n)++].resource == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory for sums") : 0;
}

static int sum_asks(struct pods_question *question, const struct gs_cluster_pod *pods, size_t n,
                    struct gs_err *err)
{
    unsigned n_sums = 0;
    struct gs_gather_ask *sums =
        GS_ARENA_NEW(question->arena, struct gs_gather_ask, GS_OFFER_RESOURCES_MAX);
    int r = sums == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory for sums") : 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        bool over = pods[i].phase == GS_CLUSTER_SUCCEEDED || pods[i].phase == GS_CLUSTER_FAILED;
        for (size_t k = 0; r == 0 && !over && k < pods[i].n_asks; k++) {
            r = add_ask(question, sums, &n_sums, GS_OFFER_RESOURCES_MAX, &pods[i].asks[k], err);
        }
    }
    if (r == 0) {
        *question->asks = sums;
        *question->n_asks = n_sums;
    }
    return r;
}

static void on_pods(void *ctx, int result, const struct gs_cluster_pod *pods, size_t n_pods,
                    const struct gs_err *err)
{
    struct pods_question *question = ctx;
    struct gs_err local = {.code = GS_OK};
    question->call = NULL;
    if (result == 0) {
        result = question->input != NULL ? keep_pods(question, pods, n_pods, &local)
                                         : sum_asks(question, pods, n_pods, &local);
        err = &local;
    }
    gs_await_end(question->await, result, err);
}

static void begin_pods(void *ctx, struct gs_await *await)
{
    struct pods_question *question = ctx;
    struct gs_err err;
    const struct gs_cluster_pods_query query = {
        .node = question->gather->node_name, .resources = "nvidia.com/", .limit_us = API_LIMIT_US};
    question->await = await;
    int r = gs_cluster_list_pods(question->gather->cluster, &query, on_pods, question,
                                 &question->call, &err);
    if (r < 0) {
        gs_await_end(await, r, &err);
    }
}

static void give_up_pods(void *ctx)
{
    struct pods_question *question = ctx;
    if (question->call != NULL) {
        gs_cluster_cancel(question->gather->cluster, question->call);
    }
}

static int ask_pods(struct pods_question *question, struct gs_err *err)
{
    if (question->gather->cluster == NULL) {
        return gs_fail(err, GS_UNSUPPORTED, "there is no API server to ask for pods");
    }
    int r = gs_await_run(question->gather->handoff, begin_pods, give_up_pods, question,
                         2 * API_LIMIT_US, err);
    return gs_wrap(err, r, "asking the API server for the pods of %s", question->gather->node_name);
}

int gs_gather_asks(const struct gs_gather *gather, struct gs_arena *arena,
                   const struct gs_gather_ask **ret, unsigned *ret_n, struct gs_err *err)
{
    struct pods_question question = {
        .gather = gather, .arena = arena, .asks = ret, .n_asks = ret_n};
    return ask_pods(&question, err);
}

/* ---- This machine ---- */

/* The kubelet removes a pod's folder when nothing of the pod is left. */
static int read_pod_dirs(const struct gs_gather *gather, struct gs_arena *arena,
                         struct gs_holding_input *input, struct gs_err *err)
{
    char path[1024];
    snprintf(path, sizeof(path), "%s/pods", gather->config->kubelet_root);
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return errno == ENOENT ? 0 : gs_fail_errno(err, errno, "%s", path);
    }
    const char **names = NULL;
    size_t cap = 0;
    size_t n = 0;
    const struct dirent *entry;
    bool all = true;
    while (all && (errno = 0, entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        all = n < POD_DIRS_MAX && gs_arena_room(arena, &names, &cap, n, sizeof(*names)) &&
              (names[n] = gs_arena_text(arena, entry->d_name, strlen(entry->d_name))) != NULL;
        n += all;
    }
    int e = errno;
    closedir(dir);
    if (!all || e != 0) {
        return gs_fail(err, GS_IO, "%s could not be read to its end", path);
    }
    input->pod_dirs = names;
    input->n_pod_dirs = (unsigned)n;
    input->pod_dirs_known = true;
    return 0;
}

static int read_processes(const struct gs_gather *gather, const struct gs_snapshot *snapshot,
                          struct gs_arena *arena, struct gs_holding_input *input,
                          struct gs_err *err)
{
    struct gs_gpu_process *read = GS_ARENA_NEW(arena, struct gs_gpu_process, PROCESSES_OF_GPU_MAX);
    struct gs_holder_process *kept = NULL;
    size_t cap = 0;
    size_t n = 0;
    for (unsigned k = 0; read != NULL && k < snapshot->n_gpus; k++) {
        size_t there = 0;
        if (snapshot->gpus[k].lost ||
            gs_gpu_processes(gather->gpus, k, read, PROCESSES_OF_GPU_MAX, &there, NULL) < 0 ||
            there > PROCESSES_OF_GPU_MAX) {
            continue; /* not known: all of the GPU is busy */
        }
        input->processes_known |= (uint32_t)1 << k;
        for (size_t i = 0; i < there; i++) {
            struct gs_holder holder;
            gs_holder_read(&read[i], &holder);
            char *pod = gs_arena_text(arena, holder.pod, strlen(holder.pod));
            if (pod == NULL || !gs_arena_room(arena, &kept, &cap, n, sizeof(*kept))) {
                return gs_fail(err, GS_NO_MEMORY, "no memory for the processes on the GPUs");
            }
            kept[n++] = (struct gs_holder_process){
                .gpu = k, .gi = holder.gi, .ci = holder.ci, .pid = holder.pid, .pod_uid = pod};
        }
    }
    input->processes = kept;
    input->n_processes = (unsigned)n;
    return read == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory for processes") : 0;
}

struct grants_call {
    const struct gs_gather *gather;
    struct gs_arena *arena;
    struct gs_holding_input *input;
    uint64_t started_us;
    bool copied;
};

/* Last of all, so that a grant is seen here or by the kubelet's answer before, or both. */
static void copy_grants(void *ctx)
{
    struct grants_call *call = ctx;
    call->gather->seen(call->gather->ctx, call->input, call->started_us);
    call->copied = call->gather->grants(call->gather->ctx, call->arena, call->input);
}

/* A source that failed is left unknown; only memory and the end of the program end the rest. */
static int tolerate(int r)
{
    return r == GS_NO_MEMORY || r == GS_BUSY ? r : 0;
}

int gs_gather(const struct gs_gather *gather, const struct gs_offer *offer, struct gs_arena *arena,
              struct gs_holding *ret, struct gs_err *err)
{
    struct gs_holding_input input = {.offer = offer,
                                     .grant_timeout_us = gather->config->grant_timeout_s * 1000000};
    struct gs_podres_list listed;
    struct gs_kubelet_checkpoint checkpoint;
    struct grants_call grants = {
        .gather = gather, .arena = arena, .input = &input, .started_us = gs_now_us()};
    struct question list = {.gather = gather,
                            .method = GS_PODRES_LIST,
                            .decode = decode_list,
                            .arena = arena,
                            .answer = &listed};
    struct pods_question pods = {.gather = gather, .arena = arena, .input = &input};
    int r = ask_kubelet(&list, err);
    input.listed = r == 0 ? &listed : NULL;
    if (tolerate(r) < 0) {
        return r;
    }
    r = read_checkpoint(gather, arena, &checkpoint, err);
    input.checkpoint = r == 0 ? &checkpoint : NULL;
    if (tolerate(r) < 0 || tolerate(r = read_pod_dirs(gather, arena, &input, err)) < 0 ||
        tolerate(r = ask_pods(&pods, err)) < 0 ||
        tolerate(r = read_processes(gather, offer->snapshot, arena, &input, err)) < 0) {
        return r;
    }
    gs_handoff_call(gather->handoff, copy_grants, &grants);
    if (!grants.copied) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the grants in flight");
    }
    struct gs_holding made;
    r = gs_holding_new(arena, &input, &made, err);
    if (r == 0) {
        *ret = made;
    }
    return r;
}
