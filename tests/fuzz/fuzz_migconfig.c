/* A configuration that is read keeps its bounds, resolves, and what is written reads back. */
#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "wire/migwrite.h"

static void write_back(struct gs_arena *arena, const struct gs_migconfig_entry *entry)
{
    const struct gs_migwrite_entry out_entry = {.entry = *entry, .filter_is_text = true};
    const struct gs_migwrite_choice choice = {.name = "a", .n = 1, .entries = &out_entry};
    struct gs_migconfig again;
    struct gs_buf out;
    gs_buf_init(&out, 1 << 20);
    if (gs_migwrite(arena, &choice, 1, (enum gs_migwrite_form)(entry->line % 2), &out, NULL) == 0) {
        struct gs_doc_input input = {.label = "f", .what = "x", .bytes = {out.text, out.len}};
        if (gs_migconfig_read(arena, &input, &again, NULL) < 0 || again.n != 1) {
            abort();
        }
    }
    gs_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct gs_migconfig_target gpus[] = {{0, 0x20B010DE, 1, true}, {1, 7, 7, false}};
    struct gs_doc_input input = {.label = "f", .what = "x", .bytes = {(const char *)data, size}};
    struct gs_mig_wish wishes[2];
    struct gs_migconfig config = {.n = 0};
    struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, 16 << 20);
    (void)gs_migconfig_read(&arena, &input, &config, NULL);
    for (unsigned i = 0; i < config.n; i++) {
        gs_migconfig_resolve(&config.configs[i], gpus, 2, wishes);
        if (wishes[0].n > GS_MIG_COUNTS_MAX || !gs_mig_wish_met(&wishes[0], &wishes[0])) {
            abort();
        }
        write_back(&arena, &config.configs[i].entries[0]);
    }
    gs_arena_done(&arena);
    return 0;
}
