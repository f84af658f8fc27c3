/* How long a scrape of the controller holds its loop in a large cluster, and the memory of what is
 * kept for it.
 *
 *     bench_tally [NODES [PODS]]      10000 100000
 *
 * NODES of 8 x A100-40GB cut into ones, PODS bound to them, in 200 namespaces and 5 SlicePools. CPU
 * time: of the first count in turns, of a count where nothing, and where every tenth node has
 * changed. */
#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "controller/tally/turns.h"

enum { GPUS = 8, ONES = 7, TEXT_MAX = 1 << 16 };

static double now_ms(void)
{
    struct timespec at;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &at);
    return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

static json_t *object_of(const char *text)
{
    json_t *object = json_loads(text, 0, NULL);
    if (object == NULL) {
        fprintf(stderr, "bench_tally: not JSON: %s\n", text);
        exit(1);
    }
    return object;
}

static void must(int r)
{
    if (r != 0) {
        fprintf(stderr, "bench_tally: failed: %d\n", r);
        exit(1);
    }
}

static void give_gpus(struct gs_store *store, unsigned n)
{
    static char text[TEXT_MAX];
    int at = snprintf(text, TEXT_MAX,
                      "{\"metadata\":{\"name\":\"node-%u\",\"resourceVersion\":\"5\"},\"status\":{"
                      "\"agentVersion\":\"1\",\"gpus\":[",
                      n);
    for (unsigned g = 0; g < GPUS; g++) {
        at +=
            snprintf(text + at, (size_t)(TEXT_MAX - at),
                     "%s{\"index\":%u,\"uuid\":\"GPU-%u-%u\",\"model\":\"A100-40GB\",\"mig\":true,"
                     "\"healthy\":true,\"revision\":1,\"slices\":[",
                     g == 0 ? "" : ",", g, n, g);
        for (unsigned i = 0; i < ONES; i++) {
            at += snprintf(text + at, (size_t)(TEXT_MAX - at),
                           "%s{\"profile\":\"1g.5gb\",\"start\":%u,\"size\":1,\"state\":\"%s\","
                           "\"plain\":true,\"resource\":\"nvidia.com/mig-1g.5gb\"}",
                           i == 0 ? "" : ",", i, (n + g + i) % 5 == 0 ? "Free" : "Held");
        }
        at += snprintf(text + at, (size_t)(TEXT_MAX - at), "]}");
    }
    (void)snprintf(text + at, (size_t)(TEXT_MAX - at), "]}}");
    json_t *object = object_of(text);
    must(gs_store_gpunode(store, object, false, 1, NULL));
    json_decref(object);
}

static void give_node(struct gs_store *store, unsigned n)
{
    char text[2000];
    (void)snprintf(text, sizeof(text),
                   "{\"metadata\":{\"name\":\"node-%u\",\"uid\":\"u\",\"labels\":{"
                   "\"gpuslice.dev/slicepool\":\"pool-%u\",\"node.kubernetes.io/instance-type\":"
                   "\"p4d.24xlarge\",\"topology.kubernetes.io/region\":\"us-east-1\","
                   "\"karpenter.sh/capacity-type\":\"on-demand\"}},\"status\":{\"conditions\":[{"
                   "\"type\":\"Ready\",\"status\":\"True\"}],\"allocatable\":{\"cpu\":\"96\","
                   "\"memory\":\"1100Gi\",\"pods\":\"110\",\"nvidia.com/mig-1g.5gb\":\"56\"}}}",
                   n, n % 5);
    json_t *object = object_of(text);
    must(gs_store_node(store, object, false, NULL));
    json_decref(object);
    give_gpus(store, n);
}

static void give_pod(struct gs_store *store, unsigned n, unsigned nodes)
{
    char text[1000];
    (void)snprintf(text, sizeof(text),
                   "{\"metadata\":{\"name\":\"pod-%u\",\"namespace\":\"team-%u\",\"uid\":\"u-%u\","
                   "\"resourceVersion\":\"1\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\"},"
                   "\"spec\":{\"nodeName\":\"node-%u\",\"containers\":[{\"name\":\"c\","
                   "\"resources\":{\"limits\":{\"nvidia.com/mig-1g.5gb\":\"1\"}}}]},\"status\":{"
                   "\"phase\":\"Running\"}}",
                   n, n % 200, n, n % nodes);
    json_t *object = object_of(text);
    must(gs_store_pod(store, object, false, 1, NULL));
    json_decref(object);
}

/* Counts in turns, then adds up and writes. */
static void scrape(struct gs_store *store, struct gs_tally_rows *rows, const char *what)
{
    const struct gs_tally_options options = {.store = store, .rows = rows, .now_us = 1};
    struct gs_arena arena;
    struct gs_tally tally;
    struct gs_buf page;
    double longest = 0;
    double begun = now_ms();
    unsigned turns = 0;
    bool more = true;
    while (more) {
        double at = now_ms();
        must(gs_tally_rows_step(rows, GS_TALLY_TURN_NODES, &more, NULL));
        double took = now_ms() - at;
        longest = took > longest ? took : longest;
        turns++;
    }
    double counted = now_ms();
    gs_arena_init(&arena, &gs_alloc_heap, (size_t)64 << 20);
    gs_buf_init(&page, 8 << 20);
    must(gs_tally(&options, &arena, &tally, NULL));
    gs_tally_write(&tally, &page);
    double end = now_ms();
    printf(
        "%s: %.1f ms in all; %u turns, the longest %.2f ms; added up and written in %.2f ms, %zu "
        "bytes\n",
        what, end - begun, turns, longest, end - counted, page.len);
    gs_buf_done(&page);
    gs_arena_done(&arena);
}

int main(int argc, char **argv)
{
    static struct gs_store store;
    unsigned nodes = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000;
    unsigned pods = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 100000;
    struct gs_money *money = gs_money_new();
    struct gs_tally_rows *rows = NULL;
    gs_store_init(&store);
    for (unsigned n = 0; n < nodes; n++) {
        give_node(&store, n);
    }
    for (unsigned n = 0; n < pods; n++) {
        give_pod(&store, n, nodes);
    }
    size_t before = mallinfo2().uordblks;
    must(money == NULL ? GS_NO_MEMORY : gs_tally_rows_new(&store, money, "", &rows, NULL));
    scrape(&store, rows, "the first");
    printf("kept for %u nodes, %u pods: %.1f MB\n", nodes, pods,
           (double)(mallinfo2().uordblks - before) / 1e6);
    scrape(&store, rows, "nothing has changed");
    for (unsigned n = 0; n < nodes; n += 10) {
        give_gpus(&store, n);
    }
    scrape(&store, rows, "every tenth node has changed");
    gs_tally_rows_free(rows);
    gs_money_free(money);
    gs_store_done(&store);
    return 0;
}
