/* Hooks that are read can be run as they are: every text is there and ends. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "wire/mighooks.h"

static void check(const struct gs_mighook_command *command)
{
    size_t bytes = strlen(command->command);
    for (unsigned i = 0; i < command->n_args; i++) {
        bytes += strlen(command->args[i]);
    }
    for (unsigned i = 0; i < command->n_envs; i++) {
        bytes += strlen(command->envs[i].name) + strlen(command->envs[i].value);
    }
    if (bytes > GS_MIGHOOKS_BYTES_MAX || command->command[0] == '\0') {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_doc_input input = {.label = "f", .what = "x", .bytes = {(const char *)data, size}};
    struct gs_mighooks hooks;
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 16 << 20);
    bool read = gs_mighooks_read(&arena, &input, &hooks, NULL) == 0;
    for (unsigned h = 0; read && h < GS_MIGHOOKS; h++) {
        for (unsigned i = 0; i < hooks.n[h]; i++) {
            check(&hooks.commands[h][i]);
        }
    }
    gs_arena_done(&arena);
    return 0;
}
