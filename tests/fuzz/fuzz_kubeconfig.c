/* A kubeconfig that is taken has a server, and credentials that belong together; so has what a
 * credential program prints. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "wire/kubeexec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_arena arena;
    struct gs_err err;
    struct gs_kubeconfig config;
    struct gs_kubeexec_credential said;
    const struct gs_view bytes = {.p = (const char *)data, .n = size};
    const struct gs_doc_input input = {
        .label = "config", .what = "a kubeconfig", .lines = true, .bytes = bytes};
    gs_arena_init(&arena, &gs_alloc_heap, 1 << 24);
    if (gs_kubeconfig_parse(&arena, &input, NULL, &config, &err) == 0) {
        bool cert = config.cert_file[0] != '\0' || config.cert.n > 0;
        bool key = config.key_file[0] != '\0' || config.key.n > 0;
        if (strncmp(config.server, "https://", 8) != 0 || cert != key) {
            abort();
        }
        const struct gs_doc_input twice[] = {input, input}; /* the first holds, and so all is one */
        const char *server = config.server;
        if (gs_kubeconfig_parse_all(&arena, twice, 2, NULL, &config, &err) != 0 ||
            strcmp(config.server, server) != 0 || config.cluster_of + config.user_of != 0) {
            abort();
        }
    }
    if (gs_kubeexec_parse(bytes, "client.authentication.k8s.io/v1", &arena, &said, &err) == 0 &&
        said.token[0] == '\0' && said.cert.n == 0) {
        abort();
    }
    gs_arena_done(&arena);
    return 0;
}
