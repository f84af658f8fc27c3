#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/near.h"
#include "base/table.h"
#include "cli/cmd.h"
#include "cli/draw.h"
#include "cli/gpu/gpu.h"
#include "gpu/gpu_env.h"
#include "term/exit.h"

/* In the order of the help text. */
static const struct gs_command *const subcommands[] = {
    &gs_command_gpu_list,
    &gs_command_gpu_show,
};

static const struct gs_example examples[] = {
    {"gpuslice gpu list", "the GPUs of this machine and what they are cut into"},
    {"gpuslice gpu show 0", "the slices of one GPU, and who holds them"},
};

const struct gs_command gs_command_gpu = {
    .name = "gpu",
    .summary = "show the GPUs of this machine, their slices and who holds them",
    .text = "Looks and changes nothing; gpuslice mig cuts.\n"
            "gpuslice gpu COMMAND --help explains one. " GS_GPU_ENV_HELP,
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .subcommands = subcommands,
    .n_subcommands = GS_ARRAY_LEN(subcommands),
    .run = gs_cmd_gpu,
};

static const struct gs_command *find(const char *word, struct gs_err *err)
{
    struct gs_near near = GS_NEAR_INIT(gs_view(word));
    for (size_t i = 0; i < GS_ARRAY_LEN(subcommands); i++) {
        const char *name = subcommands[i]->name + strlen("gpu ");
        if (strcmp(name, word) == 0) {
            return subcommands[i];
        }
        gs_near_offer(&near, name);
    }
    gs_fail(err, GS_INVALID, "gpu has no command \"%.100s\"; %s%s%s", word,
            near.n == 0 ? "see gpuslice gpu --help" : "did you mean ",
            near.n == 0 ? "" : near.names[0], near.n == 0 ? "" : "?");
    return NULL;
}

int gs_cmd_gpu(int argc, char **argv)
{
    struct gs_err err;
    int status;
    if (argc < 2) {
        gs_fail(&err, GS_INVALID, "gpu wants a command, list or show; see gpuslice gpu --help");
        return gs_exit_usage(&err);
    }
    if (argv[1][0] == '-') {
        char nothing[1];
        return gs_cmd_begin(&gs_command_gpu, argc, argv, nothing, &status) ? gs_cmd_gpu(1, argv)
                                                                           : status;
    }
    const struct gs_command *command = find(argv[1], &err);
    return command == NULL ? gs_exit_usage(&err) : command->run(argc - 1, argv + 1);
}

/* ---- gpu list ---- */

enum { COLUMNS = 5, WIDE_COLUMNS = 9, SLICES_COLUMN = 3 };

struct list_args {
    unsigned format;
};

static const struct gs_option list_options[] = {
    GS_OPTION_OUTPUT(struct list_args, format, gs_gpu_format_names),
};

static const struct gs_example list_examples[] = {
    {"gpuslice gpu list", "one line a GPU, its slices drawn across its memory units"},
    {"gpuslice gpu list -o wide", "with UUID, PCI address, device minor and memory"},
    {"gpuslice gpu list -o json", "everything that is known, for programs"},
};

const struct gs_command gs_command_gpu_list = {
    .name = "gpu list",
    .summary = "list the GPUs of this machine, their slices drawn",
    .text = "A slice is drawn across the memory units that it takes, with ! where a process holds "
            "it (or that is not known); a free unit is a dot, a free unit that no slice can take "
            "any more is x. A slice that is not one compute instance shows each by its share, and "
            "stands in parentheses where it has none. The numbers above are those of the memory "
            "units.\n" GS_GPU_ENV_HELP,
    .options = list_options,
    .n_options = GS_ARRAY_LEN(list_options),
    .examples = list_examples,
    .n_examples = GS_ARRAY_LEN(list_examples),
    .run = gs_cmd_gpu_list,
};

static void put_slices(struct gs_table *table, const struct gs_gpu_view *view)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf bar;
    gs_buf_init(&bar, 4096);
    if (view->has_layout) {
        gs_gpu_view_draw(view, &bar);
        gs_table_put(table, gs_buf_text(&bar));
    } else if (view->facts.mode == GS_MIG_ON) {
        gs_table_putf(table, "%u slices, whose places are not known", view->instances.n);
    } else {
        gs_table_put(table, "-");
    }
}

static void put_known(struct gs_table *table, uint32_t value)
{
    if (value == GS_NOT_KNOWN) {
        gs_table_put(table, "-");
    } else {
        gs_table_putf(table, "%u", value);
    }
}

static void put_wide(struct gs_table *table, const struct gs_gpu *gpu)
{
    gs_table_put(table, gpu->uuid);
    gs_table_put(table, gpu->pci_bus_id[0] != '\0' ? gpu->pci_bus_id : "-");
    put_known(table, gpu->minor);
    if (gpu->memory_bytes == UINT64_MAX) {
        gs_table_put(table, "-");
    } else {
        gs_table_putf(table, "%llu", (unsigned long long)(gpu->memory_bytes >> 20));
    }
}

static void put_row(struct gs_table *table, const struct gs_gpu_view *view, bool wide)
{
    gs_table_putf(table, "%u", view->index);
    if (view->code < 0) {
        gs_table_put(table, "cannot be read");
        gs_table_style(table, GS_STYLE_BAD);
        for (unsigned i = 0; i < (wide ? 7u : 3u); i++) {
            gs_table_put(table, "-");
        }
        return;
    }
    gs_table_put(table, view->facts.name);
    gs_table_put(table, gs_gpu_mode_text(&view->facts));
    put_slices(table, view);
    if (view->holders_known) {
        gs_table_putf(table, "%zu", view->n_holders);
    } else {
        gs_table_put(table, "?");
    }
    if (wide) {
        put_wide(table, &view->facts);
    }
}

/* A row with the numbers of the memory units, above bars of this model. */
static void put_ruler(struct gs_table *table, const struct gs_model *model, unsigned n_columns)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf ruler;
    gs_buf_init(&ruler, 4096);
    gs_draw_ruler(model, &ruler);
    for (unsigned i = 0; i < n_columns; i++) {
        gs_table_put(table, i == SLICES_COLUMN ? gs_buf_text(&ruler) : "");
        gs_table_style(table, GS_STYLE_DIM);
    }
}

/* Every GPU, below a ruler where the one above it does not do. */
static void put_rows(struct gs_table *table, const struct gs_gpu_machine *machine, bool wide)
{
    unsigned ruled = 0; /* memory units of the last ruler */
    for (unsigned i = 0; i < machine->n; i++) {
        const struct gs_gpu_view *view = &machine->at[i];
        if (view->code == 0 && view->has_layout && view->model->memory_units != ruled) {
            ruled = view->model->memory_units;
            put_ruler(table, view->model, wide ? WIDE_COLUMNS : COLUMNS);
        }
        put_row(table, view, wide);
    }
}

static int write_table(const struct gs_gpu_machine *machine, const struct gs_gpu_view *const *views,
                       bool wide, struct gs_err *err)
{
    static const struct gs_column columns[] = {
        {.title = "GPU", .right = true},
        {.title = "NAME"},
        {.title = "MIG"},
        {.title = "SLICES"},
        {.title = "PROCESSES", .right = true},
        {.title = "UUID"},
        {.title = "PCI"},
        {.title = "MINOR", .right = true},
        {.title = "MIB", .right = true},
    };
    _Static_assert(GS_ARRAY_LEN(columns) == WIDE_COLUMNS, "put_row and put_ruler know how many");
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, GS_OUTPUT_MAX);
    if (machine->n == 0) {
        gs_buf_puts(&text, "the driver lists no GPU\n");
        return gs_output_text(&text, err);
    }
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table = gs_table_new(columns, wide ? WIDE_COLUMNS : COLUMNS);
    put_rows(table, machine, wide);
    gs_table_print(table, 0, gs_output_styled(), &text);
    GS_CLEANUP(gs_buf_done) struct gs_buf legend;
    gs_buf_init(&legend, 400);
    gs_gpu_put_legend(views, machine->n, &legend);
    gs_buf_printf(&text, "%s%s", legend.len > 0 ? "\n" : "", gs_buf_text(&legend));
    return gs_output_text(&text, err);
}

int gs_cmd_gpu_list(int argc, char **argv)
{
    struct list_args args = {.format = GS_FORMAT_TABLE};
    int status;
    if (!gs_cmd_begin(&gs_command_gpu_list, argc, argv, &args, &status)) {
        return status;
    }
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_GPU_VIEW_MEMORY_MAX);
    struct gs_gpu_machine machine;
    struct gs_err err;
    if (gs_gpu_machine_read(&arena, &machine, &err) < 0) {
        return gs_exit_failed(&err);
    }
    const struct gs_gpu_view *views[GS_GPUS_MAX];
    for (unsigned i = 0; i < machine.n; i++) {
        views[i] = &machine.at[i];
    }
    bool is_doc = args.format == GS_FORMAT_JSON || args.format == GS_FORMAT_YAML;
    int r = is_doc ? gs_gpu_write_doc(&machine, views, machine.n, args.format, &err)
                   : write_table(&machine, views, args.format == GS_GPU_FORMAT_WIDE, &err);
    return r < 0 ? gs_exit_output(r, &err) : gs_gpu_exit(views, machine.n);
}
