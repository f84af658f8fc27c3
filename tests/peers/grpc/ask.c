/* ask: our gRPC client as a program, for servers of others to answer.
 *
 * usage: ask register SOCKET RESOURCE          asks a kubelet; prints "registered"
 *        ask list|allocatable SOCKET           pod-resources; a line for each thing that came
 *        ask get SOCKET NAMESPACE/POD
 *        ask bench SOCKET CALLS                times Allocate, one call after the other on one
 *                                              connection; prints a line of JSON
 *
 * What fails is printed as "CODE: TEXT"; the exit status is 1 then. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "net/grpc_client.h"
#include "net/grpc_socket.h"
#include "wire/deviceplugin.h"
#include "wire/grpc.h"
#include "wire/podresources.h"

enum { ARENA_MAX = 256 << 20, LIMIT_US = 10000000 };

static struct gs_arena arena;

struct question {
    sd_event *event;
    const char *verb;
};

static int fail(const struct gs_err *err)
{
    printf("%d: %s\n", err->code, err->msg);
    return 1;
}

static void print_devices(const struct gs_podres_devices *devices, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        printf("  %s", devices[i].resource);
        for (unsigned k = 0; k < devices[i].n_ids; k++) {
            printf(" %s", devices[i].ids[k]);
        }
        for (unsigned k = 0; k < devices[i].n_numa; k++) {
            printf(" @%lld", (long long)devices[i].numa[k]);
        }
        putchar('\n');
    }
}

static void print_pod(const struct gs_podres_pod *pod)
{
    printf("%s/%s\n", pod->namespace_, pod->name);
    for (unsigned i = 0; i < pod->n_containers; i++) {
        const struct gs_podres_container *container = &pod->containers[i];
        printf(" %s\n", container->name);
        print_devices(container->devices, container->n_devices);
        for (unsigned k = 0; k < container->n_claimed; k++) {
            const struct gs_podres_claimed *claimed = &container->claimed[k];
            printf("  claim %s/%s: %s %s %s", claimed->claim_namespace, claimed->claim,
                   claimed->driver, claimed->pool, claimed->device);
            for (unsigned m = 0; m < claimed->n_cdi_devices; m++) {
                printf(" %s", claimed->cdi_devices[m]);
            }
            putchar('\n');
        }
    }
}

static int print_answer(const char *verb, struct gs_view response, struct gs_err *err)
{
    struct gs_podres_list list = {.n = 0};
    struct gs_podres_allocatable allocatable = {.n = 0};
    struct gs_podres_pod pod;
    int r = 0;
    if (strcmp(verb, "register") == 0) {
        puts("registered");
    } else if (strcmp(verb, "list") == 0) {
        r = gs_podres_list_decode(&arena, response, &list, err);
        for (unsigned i = 0; r == 0 && i < list.n; i++) {
            print_pod(&list.pods[i]);
        }
    } else if (strcmp(verb, "allocatable") == 0) {
        r = gs_podres_allocatable_decode(&arena, response, &allocatable, err);
        print_devices(allocatable.devices, allocatable.n);
    } else if ((r = gs_podres_pod_decode(&arena, response, &pod, err)) == 0) {
        print_pod(&pod);
    }
    return r;
}

static void on_done(void *ctx, int r, struct gs_view response, const struct gs_err *err)
{
    const struct question *question = ctx;
    struct gs_err local;
    if (r == 0) {
        r = print_answer(question->verb, response, &local);
        err = &local;
    }
    sd_event_exit(question->event, r == 0 ? 0 : fail(err));
}

/* The method to ask and what with. */
static int make_request(const char *verb, const char *argument, const char **ret_method,
                        struct gs_view *ret, struct gs_err *err)
{
    *ret = (struct gs_view){"", 0};
    if (strcmp(verb, "register") == 0) {
        const struct gs_dp_registration registration = {.version = GS_DP_VERSION,
                                                        .endpoint = "ours.sock",
                                                        .resource = argument,
                                                        .options = {.preferred_allocation = true}};
        *ret_method = GS_DP_REGISTER;
        return gs_dp_registration_encode(&arena, &registration, ret, err);
    }
    if (strcmp(verb, "list") == 0 || strcmp(verb, "allocatable") == 0) {
        *ret_method = *verb == 'l' ? GS_PODRES_LIST : GS_PODRES_GET_ALLOCATABLE;
        return 0;
    }
    struct gs_view pod = gs_view(argument);
    struct gs_view ns = gs_view_split(&pod, '/');
    const struct gs_podres_name name = {.pod = gs_arena_text(&arena, pod.p, pod.n),
                                        .namespace_ = gs_arena_text(&arena, ns.p, ns.n)};
    *ret_method = GS_PODRES_GET;
    return gs_podres_name_encode(&arena, &name, ret, err);
}

static int ask(const char *verb, const char *socket_path, const char *argument)
{
    struct question question = {.verb = verb};
    const char *method;
    struct gs_view request;
    struct gs_err err;
    if (sd_event_new(&question.event) < 0) {
        return 1;
    }
    if (make_request(verb, argument, &method, &request, &err) < 0 ||
        gs_grpc_ask(question.event, socket_path, method, request, LIMIT_US, on_done, &question,
                    NULL, &err) < 0) {
        return fail(&err);
    }
    int r = sd_event_loop(question.event);
    sd_event_unref(question.event);
    return r;
}

/* The bench: a session on a socket without a loop, so that little but the server is timed. */

static void on_bench_message(void *ctx, struct gs_grpc_stream *stream, struct gs_view message)
{
    (void)ctx;
    (void)stream;
    (void)message;
}

static void on_bench_ended(void *ctx, struct gs_grpc_stream *stream, enum gs_grpc_status status,
                           const char *text)
{
    (void)stream;
    if (status != GS_GRPC_OK) {
        fprintf(stderr, "%s: %s\n", gs_grpc_status_name(status), text);
        exit(1);
    }
    *(bool *)ctx = true;
}

static int exchange(int fd, struct gs_grpc_session *session, bool *done, struct gs_err *err)
{
    char room[65536];
    *done = false;
    do {
        struct gs_view bytes;
        size_t n = 0;
        int r;
        while ((r = gs_grpc_session_pull(session, 0, &bytes, err)) == 0 && bytes.n > 0 &&
               n + bytes.n <= sizeof(room)) {
            memcpy(room + n, bytes.p, bytes.n);
            n += bytes.n;
        }
        if (r < 0 || (n > 0 && write(fd, room, n) != (ssize_t)n)) {
            return -1;
        }
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        poll(&wait, 1, 10000);
        ssize_t got = read(fd, room, sizeof(room));
        if (got <= 0 ||
            gs_grpc_session_recv(session, (struct gs_view){room, (size_t)got}, 0, err) < 0) {
            return -1;
        }
    } while (!*done);
    return 0;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Of sorted times, the one below which `percent` of them are. */
static double at(const uint64_t *took, size_t n, size_t percent)
{
    size_t i = (n - 1) * percent / 100;
    return (double)took[i] / 1000;
}

static void print_times(uint64_t *took, size_t n)
{
    qsort(took, n, sizeof(*took), compare);
    printf("{\"calls\": %zu, \"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, "
           "\"max_us\": %.1f}\n",
           n, at(took, n, 50), at(took, n, 90), at(took, n, 99), at(took, n, 100));
}

/* `calls` times, and a tenth of that before, which is not timed. */
static int time_calls(int fd, struct gs_grpc_session *session, bool *done, struct gs_view request,
                      uint64_t *took, size_t n, struct gs_err *err)
{
    const size_t warm = n / 10;
    int r = 0;
    for (size_t i = 0; i < n + warm && r == 0; i++) {
        struct gs_grpc_stream *stream;
        uint64_t begin = now_ns();
        r = gs_grpc_session_call(session, GS_DP_ALLOCATE, request, 0, 0, &stream, err);
        r = r < 0 ? r : exchange(fd, session, done, err);
        took[i < warm ? 0 : i - warm] = now_ns() - begin;
    }
    return r;
}

static int bench(const char *socket_path, const char *calls)
{
    static const struct gs_grpc_events events = {.message = on_bench_message,
                                                 .ended = on_bench_ended};
    static const char *const ids[] = {"dev-1"};
    const struct gs_dp_ids container = {1, ids};
    const struct gs_dp_allocate allocate = {1, &container};
    const size_t n = strtoul(calls, NULL, 10);
    bool done = false;
    const struct gs_grpc_config config = {.events = &events, .ctx = &done};
    uint64_t *took = GS_ARENA_NEW(&arena, uint64_t, n + 1);
    struct gs_view request;
    struct gs_err err = {.msg = "the connection broke"};
    int fd = -1;
    if (n == 0 || took == NULL) {
        fprintf(stderr, "%s: expected a number of calls\n", calls);
        return 2;
    }
    if (gs_dp_allocate_encode(&arena, &allocate, &request, &err) < 0 ||
        gs_grpc_socket_connect(socket_path, &fd, &err) < 0) {
        return fail(&err);
    }
    struct gs_grpc_session *session = gs_grpc_session_new(&config);
    int r = session == NULL ? -1 : time_calls(fd, session, &done, request, took, n, &err);
    if (r == 0) {
        print_times(took, n);
    }
    close(fd);
    gs_grpc_session_free(session);
    return r < 0 ? fail(&err) : 0;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s register|list|allocatable|get|bench SOCKET [ARGUMENT]\n",
                argv[0]);
        return 2;
    }
    const char *argument = argc > 3 ? argv[3] : "";
    gs_arena_init(&arena, &gs_alloc_heap, ARENA_MAX);
    int r =
        strcmp(argv[1], "bench") == 0 ? bench(argv[2], argument) : ask(argv[1], argv[2], argument);
    gs_arena_done(&arena);
    return r;
}
