#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "cli/cmd.h"
#include "cli/draw.h"
#include "cli/gpu/gpu.h"
#include "gpu/gpu_env.h"
#include "term/exit.h"

struct show_args {
    struct gs_texts gpus;
    unsigned format;
};

static const struct gs_option operand = {
    .arg = "GPU",
    GS_TO_LIST(struct show_args, gpus),
    .complete = GS_COMPLETE_GPU,
    .help = "which GPUs, by number, UUID, PCI address or the UUID of a slice; without it, all",
};

static const struct gs_option options[] = {
    GS_OPTION_OUTPUT(struct show_args, format, gs_gpu_format_names),
};

static const struct gs_example examples[] = {
    {"gpuslice gpu show", "all GPUs, drawn, with their slices and who holds them"},
    {"gpuslice gpu show 3 00000000:07:00.0", "two of them"},
    {"gpuslice gpu show 0 -o wide", "with the ids that device files and drivers know"},
};

const struct gs_command gs_command_gpu_show = {
    .name = "gpu show",
    .summary = "draw GPUs, list their slices and who holds each",
    .text = "Who holds a slice is what the driver says, with the command and the pod of each "
            "process where this machine's /proc tells them (a pod by its UID; not from inside "
            "another PID namespace).\n" GS_GPU_ENV_HELP,
    .operand = &operand,
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .run = gs_cmd_gpu_show,
};

/* "12 python3 (pod 1234-...)", several parted by commas; "-" for nobody. */
static void put_holders(struct gs_table *table, const struct gs_gpu_view *view, uint32_t gi,
                        uint32_t ci)
{
    enum { SHOWN = 4 };
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, 1024);
    size_t n = 0;
    for (size_t i = 0; i < view->n_holders; i++) {
        const struct gs_gpu_holder *holder = &view->holders[i];
        if (!gs_gpu_holder_is_of(holder, gi, ci)) {
            continue;
        }
        if (n++ < SHOWN) {
            bool of_pod = holder->who.pod[0] != '\0';
            gs_buf_printf(&text, "%s%u%s%s%s%s%s", n > 1 ? ", " : "", holder->process.pid,
                          holder->who.command[0] != '\0' ? " " : "", holder->who.command,
                          of_pod ? " (pod " : "", holder->who.pod, of_pod ? ")" : "");
        }
    }
    if (n > SHOWN) {
        gs_buf_printf(&text, " and %zu more", n - SHOWN);
    }
    gs_table_put(table, n > 0 ? gs_buf_text(&text) : view->holders_known ? "-" : "not known");
    if (n > 0) {
        gs_table_style(table, GS_STYLE_BOLD);
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

/* One line: a compute instance, or a GPU instance without any. */
static void put_slice(struct gs_table *table, const struct gs_gpu_view *view,
                      const struct gs_gpu_instance *gi, const struct gs_compute_instance *ci,
                      bool wide)
{
    char name[GS_PROFILE_NAME_MAX + 1];
    gs_gpu_view_name(view, gi, ci, name);
    gs_table_put(table, name);
    gs_table_putf(table, gi->size > 1 ? "%u-%u" : "%u", gi->start, gi->start + gi->size - 1);
    gs_table_putf(table, "%u", gi->id);
    put_known(table, ci == NULL ? GS_NOT_KNOWN : ci->id);
    if (wide) {
        gs_table_putf(table, "%u", gi->profile_id);
        put_known(table, ci == NULL ? GS_NOT_KNOWN : ci->profile_id);
        put_known(table, ci == NULL ? GS_NOT_KNOWN : ci->start);
    }
    gs_table_put(table, ci == NULL ? "no compute instance" : ci->uuid);
    put_holders(table, view, gi->id, ci == NULL ? GS_NOT_KNOWN : ci->id);
}

static void write_slices(const struct gs_gpu_view *view, bool wide, struct gs_buf *text)
{
    static const struct gs_column columns[] = {
        {.title = "SLICE"},
        {.title = "UNITS"},
        {.title = "GI", .right = true},
        {.title = "CI", .right = true},
        {.title = "DEVICE"},
        {.title = "HELD BY"},
    };
    static const struct gs_column wide_columns[] = {
        {.title = "SLICE"},
        {.title = "UNITS"},
        {.title = "GI", .right = true},
        {.title = "CI", .right = true},
        {.title = "GI PROFILE", .right = true},
        {.title = "CI PROFILE", .right = true},
        {.title = "CI START", .right = true},
        {.title = "DEVICE"},
        {.title = "HELD BY"},
    };
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table = wide ? gs_table_new(wide_columns, GS_ARRAY_LEN(wide_columns))
                                  : gs_table_new(columns, GS_ARRAY_LEN(columns));
    for (unsigned i = 0; i < view->instances.n; i++) {
        const struct gs_gpu_instance *gi = &view->instances.at[i];
        for (unsigned c = 0; c < gi->n_compute; c++) {
            put_slice(table, view, gi, &gi->compute[c], wide);
        }
        if (gi->n_compute == 0) {
            put_slice(table, view, gi, NULL, wide);
        }
    }
    gs_table_print(table, 0, gs_output_styled(), text);
}

static void write_drawing(const struct gs_gpu_view *view, struct gs_buf *text)
{
    gs_buf_puts(text, "\n");
    gs_draw_ruler(view->model, text);
    gs_buf_puts(text, "\n");
    gs_gpu_view_draw(view, text);
    gs_buf_puts(text, "\n");
    gs_gpu_put_legend(&view, 1, text);
}

static void write_heading(const struct gs_gpu_view *view, struct gs_buf *text)
{
    const struct gs_gpu *gpu = &view->facts;
    gs_buf_printf(text, "GPU %u: ", view->index);
    gs_text_clean(text, gpu->name, strlen(gpu->name));
    if (gpu->mode == GS_MIG_NOT_CAPABLE) {
        gs_buf_puts(text, ", which cannot be cut\n");
    } else {
        gs_buf_printf(text, ", MIG %s\n", gs_gpu_mode_text(gpu));
    }
    gs_text_clean(text, gpu->uuid, strlen(gpu->uuid));
    gs_buf_puts(text, gpu->pci_bus_id[0] != '\0' ? ", PCI " : "");
    gs_text_clean(text, gpu->pci_bus_id, strlen(gpu->pci_bus_id));
    if (gpu->memory_bytes != UINT64_MAX) {
        gs_buf_printf(text, ", %llu MiB", (unsigned long long)(gpu->memory_bytes >> 20));
    }
    gs_buf_puts(text, "\n");
}

/* Processes on the GPU as a whole, of which no slice is told. */
static void write_whole(const struct gs_gpu_view *view, struct gs_buf *text)
{
    static const struct gs_column columns[] = {{.title = "GPU HELD BY"}};
    bool any = false;
    for (size_t i = 0; i < view->n_holders; i++) {
        any = any || view->holders[i].process.gpu_instance == GS_NOT_KNOWN;
    }
    if (!any && (view->holders_known || view->instances.n > 0)) {
        return;
    }
    GS_CLEANUP(gs_table_freep) struct gs_table *table = gs_table_new(columns, 1);
    put_holders(table, view, GS_NOT_KNOWN, GS_NOT_KNOWN);
    gs_buf_puts(text, "\n");
    gs_table_print(table, 0, gs_output_styled(), text);
}

static void write_gpu(const struct gs_gpu_view *view, bool wide, struct gs_buf *text)
{
    if (view->code < 0) {
        gs_buf_printf(text, "GPU %u cannot be read\n", view->index);
        return;
    }
    write_heading(view, text);
    if (view->has_layout) {
        write_drawing(view, text);
    }
    if (view->instances.n > 0) {
        gs_buf_puts(text, "\n");
        write_slices(view, wide, text);
    }
    write_whole(view, text);
}

static int write_text(const struct gs_gpu_view *const *views, size_t n, bool wide,
                      struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, GS_OUTPUT_MAX);
    for (size_t i = 0; i < n; i++) {
        gs_buf_puts(&text, i > 0 ? "\n" : "");
        write_gpu(views[i], wide, &text);
    }
    if (n == 0) {
        gs_buf_puts(&text, "the driver lists no GPU\n");
    }
    return gs_output_text(&text, err);
}

/* The GPUs that are asked for, each once, in the order of asking; all when none is named. */
static int choose(const struct gs_gpu_machine *machine, const struct gs_texts *names,
                  const struct gs_gpu_view **ret_views, size_t *ret_n, struct gs_err *err)
{
    size_t n = 0;
    for (unsigned i = 0; names->n == 0 && i < machine->n; i++) {
        ret_views[n++] = &machine->at[i];
    }
    for (size_t i = 0; i < names->n; i++) {
        const struct gs_gpu_view *view = NULL;
        int r = gs_gpu_machine_find(machine, names->items[i], &view, err);
        if (r < 0) {
            return r;
        }
        size_t at = 0;
        while (at < n && ret_views[at] != view) {
            at++;
        }
        ret_views[at] = view;
        n += at == n ? 1 : 0;
    }
    *ret_n = n;
    return 0;
}

int gs_cmd_gpu_show(int argc, char **argv)
{
    struct show_args args = {.format = GS_FORMAT_TABLE};
    int status;
    if (!gs_cmd_begin(&gs_command_gpu_show, argc, argv, &args, &status)) {
        return status;
    }
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_GPU_VIEW_MEMORY_MAX);
    struct gs_gpu_machine machine;
    const struct gs_gpu_view *views[GS_GPUS_MAX];
    size_t n = 0;
    struct gs_err err;
    if (gs_gpu_machine_read(&arena, &machine, &err) < 0 ||
        choose(&machine, &args.gpus, views, &n, &err) < 0) {
        return gs_exit_failed(&err);
    }
    bool is_doc = args.format == GS_FORMAT_JSON || args.format == GS_FORMAT_YAML;
    int r = is_doc ? gs_gpu_write_doc(&machine, views, n, args.format, &err)
                   : write_text(views, n, args.format == GS_GPU_FORMAT_WIDE, &err);
    return r < 0 ? gs_exit_output(r, &err) : gs_gpu_exit(views, n);
}
