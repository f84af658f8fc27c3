/* How long the controller takes to decide in a large cluster, and what memory its picture takes.
 *
 *     bench_pass [NODES [PODS [ARRIVALS [SEED [board|rules]]]]]      10000 100000 2000 1
 *
 * NODES of 8 x A100-40GB cut at random, PODS bound to them by ones, then arrivals: each a pod that
 * asks for a slice, gated as the webhook leaves it; after each a pass as the controller makes it.
 * What is decided is carried out at once (a booked pod is bound, a re-cut is done), and an old pod
 * ends. Objects come as JSON, as from the API server; requests go nowhere. With "board", what the
 * dashboard keeps is told all of it too, and brought up to date with each pass. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "board/objects.h"
#include "controller/pass/pass.h"

enum { GPUS = 8, ONES = 7, TEXT_MAX = 1 << 16 };

static struct {
    struct gs_store store;
    struct gs_pass *pass;
    struct gs_board *board; /* NULL: without */
    unsigned *layouts;      /* of each GPU: index below */
    unsigned *held;         /* slices of each GPU that pods hold, bit by slice */
    unsigned *revisions;    /* of each GPU */
    unsigned nodes;
    unsigned pods;
    bool rules; /* pods have rules about other pods */
    uint64_t now_us;
    char booked[300]; /* node that the last pod was booked on; "": none */
    uint64_t wishes;
    uint64_t lifted;
} world;

/* Slices of an A100 by layout, largest first at the left. */
static const struct {
    const char *name;
    unsigned n;
    struct {
        const char *profile;
        unsigned start, size;
    } at[ONES];
} layouts[] = {
    {"ones",
     7,
     {{"1g.5gb", 0, 1},
      {"1g.5gb", 1, 1},
      {"1g.5gb", 2, 1},
      {"1g.5gb", 3, 1},
      {"1g.5gb", 4, 1},
      {"1g.5gb", 5, 1},
      {"1g.5gb", 6, 1}}},
    {"threes", 2, {{"3g.20gb", 0, 4}, {"3g.20gb", 4, 4}}},
    {"mixed", 4, {{"2g.10gb", 0, 2}, {"1g.5gb", 2, 1}, {"1g.5gb", 3, 1}, {"3g.20gb", 4, 4}}},
};

void gs_act_book(struct gs_act *act, struct gs_store_pod *pod, struct gs_store_node *node)
{
    (void)act;
    snprintf(world.booked, sizeof(world.booked), "%s", node->name);
    gs_store_nominate(pod, node);
}

void gs_act_lift(struct gs_act *act, struct gs_store_pod *pod)
{
    (void)act;
    (void)pod;
    world.lifted++;
}

void gs_act_clear(struct gs_act *act, struct gs_store_pod *pod)
{
    (void)act;
    gs_store_nominate(pod, NULL);
}

void gs_act_wish(struct gs_act *act, struct gs_store_node *node)
{
    (void)act;
    world.wishes++;
    for (struct gs_store_wish *wish = node->wishes; wish != NULL; wish = wish->next) {
        wish->sent = true;
    }
}

void gs_act_move(struct gs_act *act, struct gs_store_pod *waits, const struct gs_kubemove *move)
{
    (void)act;
    (void)waits;
    (void)move;
}

void gs_act_tell(struct gs_act *act, const struct gs_store_pod *pod, const char *reason,
                 const char *action, const char *text)
{
    (void)act;
    (void)pod;
    (void)reason;
    (void)action;
    (void)text;
}

void gs_act_hold(struct gs_act *act, struct gs_store_node *node, bool hold)
{
    (void)act;
    node->held_by_us = node->held = hold;
}

void gs_act_say(struct gs_act *act, struct gs_store_pod *pod, bool warning, const char *reason,
                const char *action, const char *text)
{
    (void)act;
    (void)pod;
    (void)warning;
    (void)reason;
    (void)action;
    (void)text;
}

static void must(int r, const struct gs_err *err)
{
    if (r != 0) {
        fprintf(stderr, "bench_pass: %s\n", err->msg);
        exit(1);
    }
}

static void feed(int (*take)(struct gs_store *store, const json_t *object, struct gs_err *err),
                 enum gs_board_kind kind, bool gone, const char *text)
{
    struct gs_err err = {.code = GS_OK};
    json_t *object = json_loads(text, 0, NULL);
    if (object == NULL) {
        fprintf(stderr, "bench_pass: not JSON: %s\n", text);
        exit(1);
    }
    must(take(&world.store, object, &err), &err);
    if (world.board != NULL) {
        must(gs_board_object(world.board, kind, object, gone, &err), &err);
    }
    json_decref(object);
}

static int take_node(struct gs_store *store, const json_t *object, struct gs_err *err)
{
    return gs_store_node(store, object, false, err);
}

static int take_gpus(struct gs_store *store, const json_t *object, struct gs_err *err)
{
    return gs_store_gpunode(store, object, false, world.now_us, err);
}

static int take_pod(struct gs_store *store, const json_t *object, struct gs_err *err)
{
    return gs_store_pod(store, object, false, world.now_us, err);
}

static int take_pod_gone(struct gs_store *store, const json_t *object, struct gs_err *err)
{
    return gs_store_pod(store, object, true, world.now_us, err);
}

static void show_node(unsigned node)
{
    static char text[TEXT_MAX];
    unsigned counts[3] = {0};
    static const char *const names[] = {"1g.5gb", "2g.10gb", "3g.20gb"};
    size_t n = (size_t)snprintf(text, sizeof(text),
                                "{\"metadata\":{\"name\":\"node-%u\"},\"status\":{\"agent\":\"1\","
                                "\"seen\":\"2026-01-01T00:00:00.000000Z\",\"gpus\":[",
                                node);
    for (unsigned g = 0; g < GPUS; g++) {
        unsigned gpu = node * GPUS + g;
        unsigned layout = world.layouts[gpu];
        n += (size_t)snprintf(text + n, sizeof(text) - n,
                              "%s{\"index\":%u,\"uuid\":\"GPU-%u\",\"model\":\"A100-40GB\",\"mig\":"
                              "true,\"healthy\":true,\"revision\":%u,\"slices\":[",
                              g == 0 ? "" : ",", g, gpu, world.revisions[gpu]);
        for (unsigned k = 0; k < layouts[layout].n; k++) {
            const char *profile = layouts[layout].at[k].profile;
            counts[profile[0] - '1']++;
            n += (size_t)snprintf(text + n, sizeof(text) - n,
                                  "%s{\"profile\":\"%s\",\"start\":%u,\"size\":%u,\"state\":\"%s\","
                                  "\"plain\":true,\"resource\":\"nvidia.com/mig-%s\"}",
                                  k == 0 ? "" : ",", profile, layouts[layout].at[k].start,
                                  layouts[layout].at[k].size,
                                  (world.held[gpu] >> k & 1u) != 0 ? "Held" : "Free", profile);
        }
        n += (size_t)snprintf(text + n, sizeof(text) - n, "]}");
    }
    snprintf(text + n, sizeof(text) - n, "]}}");
    feed(take_gpus, GS_BOARD_GPUNODES, false, text);
    n = (size_t)snprintf(
        text, sizeof(text),
        "{\"metadata\":{\"name\":\"node-%u\",\"uid\":\"u-%u\",\"labels\":{\"kubernetes.io/hostname\""
        ":\"node-%u\",\"topology.kubernetes.io/zone\":\"z%u\",\"node.kubernetes.io/instance-type\":"
        "\"p4d.24xlarge\",\"kubernetes.io/arch\":\"amd64\"}},\"status\":{\"conditions\":[{\"type\":"
        "\"Ready\",\"status\":\"True\"}],\"allocatable\":{\"cpu\":\"96\",\"memory\":\"1100Gi\","
        "\"pods\":\"250\"",
        node, node, node, node % 3);
    for (unsigned i = 0; i < 3; i++) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, ",\"nvidia.com/mig-%s\":\"%u\"", names[i],
                              counts[i]);
    }
    snprintf(text + n, sizeof(text) - n, "}}}");
    feed(take_node, GS_BOARD_NODES, false, text);
}

/* Of every tenth pod in the whole cluster's, of every arrival: required anti-affinity by host, and
 * spread over zones. */
static const char *rules_of(unsigned number)
{
    static char text[1024];
    unsigned app = number % 1000;
    if (!world.rules || (number < world.pods && number % 10 != 0)) {
        return "";
    }
    snprintf(
        text, sizeof(text),
        "\"affinity\":{\"podAntiAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":["
        "{\"topologyKey\":\"kubernetes.io/hostname\",\"labelSelector\":{\"matchLabels\":{\"app\":"
        "\"app-%u\"}}}]}},\"topologySpreadConstraints\":[{\"topologyKey\":"
        "\"topology.kubernetes.io/zone\",\"whenUnsatisfiable\":\"DoNotSchedule\",\"maxSkew\":50,"
        "\"labelSelector\":{\"matchLabels\":{\"app\":\"app-%u\"}}}],",
        app, app);
    return text;
}

static void show_pod(unsigned number, const char *profile, const char *node, bool gone)
{
    static char text[TEXT_MAX];
    snprintf(
        text, sizeof(text),
        "{\"metadata\":{\"name\":\"pod-%08u\",\"namespace\":\"team-%u\",\"uid\":"
        "\"00000000-0000-0000-0000-%012u\",\"resourceVersion\":\"1\",\"creationTimestamp\":"
        "\"2026-01-01T00:00:00Z\",\"labels\":{\"app\":\"app-%u\",\"pod-template-hash\":\"%08x\","
        "\"app.kubernetes.io/managed-by\":\"Helm\"}},\"spec\":{%s\"nodeName\":\"%s\","
        "\"schedulingGates\":[%s],"
        "\"containers\":[{\"name\":\"c\",\"resources\":{\"requests\":{\"cpu\":\"500m\","
        "\"memory\":\"2Gi\"},\"limits\":{\"nvidia.com/mig-%s\":\"1\"}}}]},\"status\":{"
        "\"phase\":\"%s\"}}",
        number, number % 50, number, number % 1000, number % 1000 * 2654435761u, rules_of(number),
        node, node[0] == '\0' ? "{\"name\":\"gpuslice.dev/slice\"}" : "", profile,
        node[0] == '\0' ? "Pending" : "Running");
    feed(gone ? take_pod_gone : take_pod, GS_BOARD_PODS, gone, text);
}

static double clock_ms(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at);
    return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

static long resident_kib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL || fscanf(file, "%*s %ld", &pages) != 1) {
        pages = 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void say(const char *what, double *values, unsigned n)
{
    qsort(values, n, sizeof(*values), by_value);
    printf("%-28s p50 %8.3f ms   p95 %8.3f ms   p99 %8.3f ms   most %8.3f ms\n", what,
           values[n / 2], values[n * 95 / 100], values[n * 99 / 100], values[n - 1]);
}

static void run_pass(double *ret_ms)
{
    struct gs_err err = {.code = GS_OK};
    uint64_t again = 0;
    double begun = clock_ms(CLOCK_THREAD_CPUTIME_ID);
    must(gs_pass_run(world.pass, world.now_us, world.now_us, &again, &err), &err);
    *ret_ms = clock_ms(CLOCK_THREAD_CPUTIME_ID) - begun;
}

static uint64_t price(void *ctx, const char *type, const char *region, const char *capacity)
{
    (void)ctx;
    (void)type;
    (void)region;
    (void)capacity;
    return 21957642;
}

/* Milliseconds of CPU. */
static double refresh(void)
{
    double begun = clock_ms(CLOCK_THREAD_CPUTIME_ID);
    if (world.board != NULL) {
        (void)gs_board_refresh(world.board, world.now_us, NULL);
    }
    return clock_ms(CLOCK_THREAD_CPUTIME_ID) - begun;
}

static unsigned number_of(int argc, char **argv, int i, unsigned otherwise)
{
    return argc > i ? (unsigned)strtoul(argv[i], NULL, 10) : otherwise;
}

/* Layouts and holders of all GPUs, drawn. */
static void draw_gpus(unsigned *seed)
{
    for (unsigned gpu = 0; gpu < world.nodes * GPUS; gpu++) {
        world.layouts[gpu] = (unsigned)rand_r(seed) % 3;
        world.revisions[gpu] = 1;
        for (unsigned k = 0; k < layouts[world.layouts[gpu]].n; k++) {
            world.held[gpu] |= (rand_r(seed) % 100 < 40 ? 1u : 0u) << k;
        }
    }
}

/* Every node, and up to `pods` bound ones on what is held; how many there were. */
static unsigned show_all(unsigned pods)
{
    unsigned made = 0;
    for (unsigned node = 0; node < world.nodes; node++) {
        show_node(node);
    }
    for (unsigned k = 0; made < pods && k < 4; k++) {
        for (unsigned gpu = 0; gpu < world.nodes * GPUS && made < pods; gpu++) {
            char name[32];
            snprintf(name, sizeof(name), "node-%u", gpu / GPUS);
            if (k < layouts[world.layouts[gpu]].n && (world.held[gpu] >> k & 1u) != 0) {
                show_pod(made++, layouts[world.layouts[gpu]].at[k].profile, name, false);
            }
        }
    }
    return made;
}

/* One pod comes, is decided, and is bound or gives up; in *ret_event_ms, *ret_pass_ms what it cost.
 */
static void arrive(unsigned number, unsigned *seed, double *ret_event_ms, double *ret_pass_ms)
{
    static const char *const wants[] = {"1g.5gb",  "1g.5gb",  "2g.10gb",
                                        "3g.20gb", "4g.20gb", "7g.40gb"};
    const char *profile = wants[rand_r(seed) % 6];
    world.booked[0] = '\0';
    world.now_us += 10000;
    double at = clock_ms(CLOCK_THREAD_CPUTIME_ID);
    show_pod(number, profile, "", false);
    *ret_event_ms = clock_ms(CLOCK_THREAD_CPUTIME_ID) - at;
    run_pass(ret_pass_ms);
    if (world.booked[0] != '\0') {
        show_pod(number, profile, world.booked, false); /* bound */
    } else {
        show_pod(number, profile, "", true); /* gives up */
    }
}

int main(int argc, char **argv)
{
    unsigned pods = number_of(argc, argv, 2, 100000);
    unsigned arrivals = number_of(argc, argv, 3, 2000);
    unsigned seed = number_of(argc, argv, 4, 1);
    struct gs_pass_options options = {.store = &world.store};
    const struct gs_board_options board = {.kind = "cluster", .name = "bench", .price = price};
    struct gs_err err = {.code = GS_OK};
    world.nodes = number_of(argc, argv, 1, 10000);
    world.pods = pods;
    world.rules = argc > 5 && strcmp(argv[5], "rules") == 0;
    world.now_us = 1000000000;
    world.layouts = calloc((size_t)world.nodes * GPUS, sizeof(unsigned));
    world.held = calloc((size_t)world.nodes * GPUS, sizeof(unsigned));
    world.revisions = calloc((size_t)world.nodes * GPUS, sizeof(unsigned));
    double *passes = calloc(arrivals, sizeof(double));
    double *events = calloc(arrivals, sizeof(double));
    double *shown = calloc(arrivals, sizeof(double));
    if (world.layouts == NULL || world.held == NULL || world.revisions == NULL || passes == NULL ||
        events == NULL || shown == NULL || arrivals == 0 || world.nodes == 0) {
        fprintf(stderr, "bench_pass: no memory, or nothing to do\n");
        return 1;
    }
    gs_store_init(&world.store);
    must(gs_pass_new(&options, &world.pass, &err), &err);
    if (argc > 5 && !world.rules) {
        must(gs_board_new(&board, &world.board, &err), &err);
    }
    long before = resident_kib();
    double begun = clock_ms(CLOCK_THREAD_CPUTIME_ID);
    draw_gpus(&seed);
    unsigned made = show_all(pods);
    double read_ms = clock_ms(CLOCK_THREAD_CPUTIME_ID) - begun;
    double first_ms = 0;
    run_pass(&first_ms);
    (void)refresh();
    printf(
        "%u nodes, %u GPUs, %u bound pods: read from JSON in %.0f ms of CPU, first pass %.0f ms, "
        "%ld MiB resident (%ld MiB before)\n",
        world.nodes, world.nodes * GPUS, made, read_ms, first_ms, resident_kib() / 1024,
        before / 1024);
    for (unsigned i = 0; i < arrivals; i++) {
        arrive(10000000 + i, &seed, &events[i], &passes[i]);
        if (made > 0) {
            show_node((unsigned)rand_r(&seed) % world.nodes); /* somewhere something changes */
        }
        shown[i] = refresh();
    }
    struct gs_pass_counts counts = gs_pass_counts(world.pass);
    printf("%u arrivals: %" PRIu64 " booked, %" PRIu64 " re-cut, %" PRIu64 " wait\n", arrivals,
           counts.decisions[GS_DECIDE_BOOK], counts.decisions[GS_DECIDE_RECUT],
           counts.decisions[GS_DECIDE_WAIT]);
    say("a pod's event", events, arrivals);
    say("a pass (decision included)", passes, arrivals);
    if (world.board != NULL) {
        say("the board", shown, arrivals);
    }
    printf("longest decision %.3f ms; %ld MiB resident at the end\n",
           (double)counts.longest_us / 1e3, resident_kib() / 1024);
    gs_pass_free(world.pass);
    gs_store_done(&world.store);
    gs_board_free(world.board);
    free(shown);
    free(world.layouts);
    free(world.held);
    free(world.revisions);
    free(passes);
    free(events);
    return 0;
}
