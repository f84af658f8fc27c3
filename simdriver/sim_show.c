#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "simdriver/fault.h"
#include "simdriver/sim.h"
#include "term/output.h"

enum { TEXT_MAX = 1 << 20 };

struct show_args {
    const char *dir;
    unsigned format;
};

static const struct gs_option options[] = {
    GS_OPTION_OUTPUT(struct show_args, format, gs_format_names),
};

static const struct gs_example examples[] = {
    {"gpuslice-sim show", "the machine that GPUSLICE_SIM names"},
    {"gpuslice-sim show /dev/shm/a100 -o json", "everything, for programs"},
};

const struct gs_command sim_command_show = {
    .program = "gpuslice-sim",
    .name = "show",
    .summary = "show a machine: GPUs, what is cut, who holds it, faults",
    .operand = &sim_dir_operand,
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .run = sim_cmd_show,
};

/* ---- For programs ---- */

static void describe_ci(struct gs_result *result, json_t *list, const struct sim_machine *machine,
                        unsigned gpu, uint32_t gi, uint32_t ci)
{
    const struct sim_ci *c = sim_ci_get(machine, gpu, gi, ci);
    struct sim_ci_profile kind;
    char uuid[SIM_MIG_UUID_MAX];
    json_t *at = gs_result_object(result, list, NULL);
    sim_mig_uuid(machine, gpu, gi, ci, uuid);
    gs_result_number(result, at, "id", ci);
    if (sim_ci_profile(machine, gpu, gi, c->profile, 0, &kind) == SIM_OK) {
        gs_result_text(result, at, "profile", kind.name);
        gs_result_number(result, at, "profile_id", kind.id);
    }
    gs_result_number(result, at, "start", c->start);
    gs_result_number(result, at, "size", c->size);
    gs_result_text(result, at, "uuid", uuid);
    gs_result_number(result, at, "mig_index", c->mig_index);
    gs_result_number(result, at, "generation", c->generation);
    gs_result_number(result, at, "leaked", c->leaked);
}

static void describe_gi(struct gs_result *result, json_t *list, const struct sim_machine *machine,
                        unsigned gpu, uint32_t gi)
{
    const struct sim_gi *g = sim_gi_get(machine, gpu, gi);
    struct sim_gi_profile kind;
    json_t *at = gs_result_object(result, list, NULL);
    sim_gi_profile_of(machine, gpu, gi, &kind);
    gs_result_number(result, at, "id", gi);
    gs_result_text(result, at, "profile", kind.name);
    gs_result_number(result, at, "profile_id", kind.id);
    gs_result_number(result, at, "start", g->start);
    gs_result_number(result, at, "size", g->size);
    gs_result_number(result, at, "generation", g->generation);
    gs_result_number(result, at, "leaked", g->leaked);
    json_t *compute = gs_result_array(result, at, "compute_instances");
    for (uint32_t ci = 0; ci < SIM_CIS; ci++) {
        if (g->cis[ci].present) {
            describe_ci(result, compute, machine, gpu, gi, ci);
        }
    }
}

static void describe_gpu(struct gs_result *result, json_t *list, const struct sim_machine *machine,
                         unsigned gpu)
{
    const struct sim_gpu *g = &machine->gpus[gpu];
    char bus[20];
    json_t *at = gs_result_object(result, list, NULL);
    sim_bus_id(g, bus);
    gs_result_number(result, at, "index", gpu);
    gs_result_text(result, at, "model", g->model);
    gs_result_text(result, at, "name", g->name);
    gs_result_text(result, at, "uuid", g->uuid);
    gs_result_text(result, at, "serial", g->serial);
    gs_result_text(result, at, "pci_bus_id", bus);
    gs_result_number(result, at, "minor", g->minor);
    gs_result_integer(result, at, "numa_node", g->numa_node);
    gs_result_bool(result, at, "mig", g->mode != 0);
    gs_result_bool(result, at, "mig_pending", g->pending != 0);
    gs_result_bool(result, at, "lost", g->lost != 0);
    gs_result_bool(result, at, "vm", g->vm != 0);
    gs_result_number(result, at, "xids", g->xids);
    json_t *instances = gs_result_array(result, at, "instances");
    for (uint32_t gi = 0; gi < SIM_GIS; gi++) {
        if (g->gis[gi].present) {
            describe_gi(result, instances, machine, gpu, gi);
        }
    }
}

static void describe_id(struct gs_result *result, json_t *at, const char *key, uint32_t id)
{
    if (id == SIM_NONE) {
        gs_result_null(result, at, key);
    } else {
        gs_result_number(result, at, key, id);
    }
}

static void describe_processes(struct gs_result *result, const struct sim_machine *machine)
{
    json_t *list = gs_result_array(result, result->root, "processes");
    for (unsigned i = 0; i < SIM_HOLDERS; i++) {
        const struct sim_holder *h = &machine->holders[i];
        if (h->pid == 0) {
            continue;
        }
        json_t *at = gs_result_object(result, list, NULL);
        gs_result_number(result, at, "pid", h->pid);
        gs_result_text(result, at, "name", h->name);
        gs_result_number(result, at, "gpu", h->gpu);
        describe_id(result, at, "gpu_instance", h->gi);
        describe_id(result, at, "compute_instance", h->ci);
        gs_result_number(result, at, "memory_mib", h->memory_mib);
        gs_result_number(result, at, "busy_percent", h->busy_percent);
    }
    list = gs_result_array(result, result->root, "sessions");
    for (unsigned i = 0; i < SIM_SESSIONS; i++) {
        if (machine->sessions[i].pid != 0) {
            gs_result_number(result, list, NULL, machine->sessions[i].pid);
        }
    }
}

static void describe_faults(struct gs_result *result, const struct sim_machine *machine,
                            const struct sim_store *store)
{
    json_t *list = gs_result_array(result, result->root, "faults");
    for (unsigned i = 0; i < SIM_FAULTS; i++) {
        if (machine->faults[i].function[0] != '\0') {
            char text[300];
            json_t *at = gs_result_object(result, list, NULL);
            sim_fault_format(&machine->faults[i], text, sizeof(text));
            gs_result_text(result, at, "fault", text);
            gs_result_number(result, at, "seen", sim_store_fault_seen(store, i));
        }
    }
}

static int show_document(struct sim_store *store, const struct sim_machine *machine,
                         enum gs_format format, struct gs_err *err)
{
    GS_CLEANUP(gs_result_done) struct gs_result result;
    gs_result_init(&result);
    gs_result_text(&result, result.root, "driver_version", machine->driver_version);
    gs_result_number(&result, result.root, "cuda_version", machine->cuda_version);
    gs_result_bool(&result, result.root, "driver_loaded", !machine->driver_gone);
    gs_result_number(&result, result.root, "boots", machine->boots);
    gs_result_number(&result, result.root, "changes", sim_store_seq(store));
    gs_result_number(&result, result.root, "calls", sim_store_calls(store));
    json_t *gpus = gs_result_array(&result, result.root, "gpus");
    for (unsigned i = 0; i < machine->n_gpus; i++) {
        describe_gpu(&result, gpus, machine, i);
    }
    describe_processes(&result, machine);
    describe_faults(&result, machine, store);
    return gs_output_result(&result, format, err);
}

/* ---- For people ---- */

static void put_holders(struct gs_table *table, const struct sim_machine *machine, unsigned gpu,
                        uint32_t gi, uint32_t ci, unsigned leaked)
{
    char text[300] = "";
    size_t n = 0;
    for (unsigned i = 0; i < SIM_HOLDERS && n < sizeof(text); i++) {
        const struct sim_holder *h = &machine->holders[i];
        if (h->pid != 0 && h->gpu == gpu && h->gi == gi && h->ci == ci) {
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s (%u)", n == 0 ? "" : ", ",
                                  h->name, h->pid);
        }
    }
    if (leaked > 0 && n < sizeof(text)) {
        snprintf(text + n, sizeof(text) - n, "%s%u leaked", n == 0 ? "" : ", ", leaked);
    }
    gs_table_put(table, text[0] == '\0' ? "-" : text);
}

static void put_gi(struct gs_table *table, const struct sim_machine *machine, unsigned gpu,
                   uint32_t gi)
{
    const struct sim_gi *g = sim_gi_get(machine, gpu, gi);
    struct sim_gi_profile kind;
    bool any = false;
    sim_gi_profile_of(machine, gpu, gi, &kind);
    for (uint32_t ci = 0; ci <= SIM_CIS; ci++) {
        struct sim_ci_profile c = {.name = ""};
        char uuid[SIM_MIG_UUID_MAX] = "-";
        if (ci == SIM_CIS ? any : !g->cis[ci].present) {
            continue;
        }
        gs_table_putf(table, "%u", gpu);
        gs_table_putf(table, "%u", gi);
        if (ci < SIM_CIS) {
            any = true;
            sim_ci_profile(machine, gpu, gi, g->cis[ci].profile, 0, &c);
            sim_mig_uuid(machine, gpu, gi, ci, uuid);
            gs_table_putf(table, "%u", ci);
        } else {
            gs_table_put(table, "-");
        }
        gs_table_put(table, c.name[0] == '\0' ? kind.name : c.name);
        gs_table_putf(table, g->size > 1 ? "%u-%u" : "%u", g->start, g->start + g->size - 1u);
        gs_table_put(table, uuid);
        put_holders(table, machine, gpu, gi, ci < SIM_CIS ? ci : SIM_NONE,
                    ci < SIM_CIS ? g->cis[ci].leaked : g->leaked);
    }
}

static void print_gpus(const struct sim_machine *machine, struct gs_buf *out)
{
    static const struct gs_column columns[] = {{"GPU", true},  {"NAME", false}, {"BUS", false},
                                               {"MIG", false}, {"UUID", false}, {"HELD BY", false}};
    struct gs_table *table = gs_table_new(columns, GS_ARRAY_LEN(columns));
    for (unsigned i = 0; i < machine->n_gpus; i++) {
        const struct sim_gpu *g = &machine->gpus[i];
        char bus[20];
        sim_bus_id(g, bus);
        gs_table_putf(table, "%u", i);
        gs_table_put(table, g->name);
        gs_table_put(table, bus);
        gs_table_putf(table, "%s%s",
                      g->lost                             ? "lost"
                      : sim_gpu_model(g)->n_profiles == 0 ? "-"
                      : g->mode                           ? "on"
                                                          : "off",
                      g->mode == g->pending ? ""
                      : g->pending          ? " (on after reset)"
                                            : " (off after reset)");
        gs_table_put(table, g->uuid);
        put_holders(table, machine, i, SIM_NONE, SIM_NONE, 0);
    }
    gs_table_print(table, 0, gs_output_styled(), out);
    gs_table_free(table);
}

static void print_slices(const struct sim_machine *machine, struct gs_buf *out)
{
    static const struct gs_column columns[] = {
        {"GPU", true},    {"GI", true},    {"CI", true},      {"PROFILE", false},
        {"UNITS", false}, {"UUID", false}, {"HELD BY", false}};
    struct gs_table *table = gs_table_new(columns, GS_ARRAY_LEN(columns));
    for (unsigned gpu = 0; gpu < machine->n_gpus; gpu++) {
        for (uint32_t gi = 0; !machine->gpus[gpu].lost && gi < SIM_GIS; gi++) {
            if (sim_gi_get(machine, gpu, gi) != NULL) {
                put_gi(table, machine, gpu, gi);
            }
        }
    }
    if (gs_table_rows(table) > 0) {
        gs_buf_puts(out, "\n");
        gs_table_print(table, 0, gs_output_styled(), out);
    }
    gs_table_free(table);
}

static int show_table(struct sim_store *store, const struct sim_machine *machine,
                      struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, TEXT_MAX);
    gs_buf_printf(&text, "driver %s%s, CUDA %u.%u\n\n", machine->driver_version,
                  machine->driver_gone ? " (not loaded)" : "", machine->cuda_version / 1000,
                  machine->cuda_version % 1000 / 10);
    print_gpus(machine, &text);
    print_slices(machine, &text);
    bool first = true;
    for (unsigned i = 0; i < SIM_FAULTS; i++) {
        if (machine->faults[i].function[0] != '\0') {
            char line[300];
            sim_fault_format(&machine->faults[i], line, sizeof(line));
            gs_buf_puts(&text, first ? "\n" : "");
            first = false;
            gs_buf_printf(&text, "fault %s, seen %u\n", line, sim_store_fault_seen(store, i));
        }
    }
    return gs_output_text(&text, err);
}

int sim_cmd_show(int argc, char **argv)
{
    struct show_args args = {.format = GS_FORMAT_TABLE};
    int status;
    if (!sim_begin(&sim_command_show, argc, argv, &args, &status)) {
        return status;
    }
    struct gs_err err = {.code = GS_OK};
    GS_CLEANUP(sim_store_closep) struct sim_store *store = NULL;
    int r = sim_store_open(args.dir, &store, &err);
    if (r < 0) {
        return sim_failed(&err);
    }
    sim_store_prune(store);
    const struct sim_machine *machine = sim_store_view(store);
    r = args.format == GS_FORMAT_TABLE
            ? show_table(store, machine, &err)
            : show_document(store, machine, (enum gs_format)args.format, &err);
    sim_store_end(store);
    return r == 0 ? SIM_EXIT_DONE : sim_failed(&err);
}
