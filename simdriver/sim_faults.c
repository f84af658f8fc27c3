/* fault: what goes wrong on demand. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/near.h"
#include "simdriver/fault.h"
#include "simdriver/nvml_symbols.h"
#include "simdriver/sim.h"
#include "term/output.h"

enum { LINE_MAX_BYTES = 400, TEXT_MAX = SIM_FAULTS * 400 };

struct fault_args {
    const char *dir;
    struct gs_texts add;
    const char *file;
    bool clear;
};

static const struct gs_option options[] = {
    {.name = "add",
     .letter = 'a',
     .arg = "FAULT",
     GS_TO_LIST(struct fault_args, add),
     .help = "FUNCTION:KEY=VALUE,... with nth=N (the call it acts on, 1), times=N|all (1), "
             "code=WORD|NUMBER, delay=N[us|ms|s], hang, kill, kill-after; FUNCTION * is any"},
    {.name = "file",
     .letter = 'f',
     .arg = "FILE",
     GS_TO_TEXT(struct fault_args, file),
     .complete = GS_COMPLETE_FILE,
     .help = "faults to add, one a line; empty lines and those that begin with # are skipped"},
    {.name = "clear",
     GS_TO_FLAG(struct fault_args, clear),
     .help = "lift all that are there first: calls that hang come back"},
};

static const struct gs_example examples[] = {
    {"gpuslice-sim fault", "what is set, and how many calls each has seen"},
    {"gpuslice-sim fault --add nvmlGpuInstanceDestroy:nth=2,code=IN_USE",
     "the second destroy of a GPU instance fails"},
    {"gpuslice-sim fault --clear --add '*:nth=17,kill-after'",
     "whoever makes the 17th call from now on is killed as it returns"},
};

const struct gs_command sim_command_fault = {
    .program = "gpuslice-sim",
    .name = "fault",
    .summary = "let NVML calls fail, hang, take long or kill their process",
    .text = "Calls are counted over all processes of the machine, from when the fault was set.",
    .operand = &sim_dir_operand,
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .run = sim_cmd_fault,
};

/* What is to be added, all of it or nothing. */
struct wanted {
    unsigned n;
    struct sim_fault faults[SIM_FAULTS];
};

/* A function that no client of this machine can call would wait for ever. */
static int check_function(const char *function, uint32_t driver, struct gs_err *err)
{
    const struct nvml_symbol *symbol = nvml_symbol_find(function);
    if (strcmp(function, "*") == 0 || nvml_driver_has(driver, function)) {
        return 0;
    }
    if (symbol == NULL) {
        char names[300];
        struct gs_near near = GS_NEAR_INIT(gs_view(function));
        for (unsigned i = 0; i < nvml_n_symbols; i++) {
            gs_near_offer(&near, nvml_symbols[i].name);
        }
        gs_near_format(&near, names, sizeof(names));
        return gs_fail(err, GS_NOT_FOUND, "no driver has a function %s%s", function, names);
    }
    bool early = symbol->since > driver;
    return gs_fail(err, GS_INVALID, "%s %s with driver %u; this machine has %u", function,
                   early ? "came" : "went", early ? symbol->since : symbol->until, driver);
}

static int add_text(struct wanted *wanted, uint32_t driver, struct gs_view text, struct gs_err *err)
{
    struct sim_fault fault;
    int r = sim_fault_parse(text, &fault, err);
    r = r < 0 ? r : check_function(fault.function, driver, err);
    if (r == 0 && wanted->n == SIM_FAULTS) {
        r = gs_fail(err, GS_LIMIT, "a machine has %d faults at most", SIM_FAULTS);
    }
    if (r == 0) {
        wanted->faults[wanted->n++] = fault;
    }
    return r;
}

static int add_file(struct wanted *wanted, uint32_t driver, const char *name, struct gs_err *err)
{
    FILE *file = fopen(name, "re");
    if (file == NULL) {
        return gs_fail(err, GS_NOT_FOUND, "%.200s: %s", name, strerror(errno));
    }
    char line[LINE_MAX_BYTES];
    int r = 0;
    for (unsigned number = 1; r == 0 && fgets(line, sizeof(line), file) != NULL; number++) {
        struct gs_view text = gs_view_trim(gs_view(line));
        if (strchr(line, '\n') == NULL && strlen(line) == sizeof(line) - 1) {
            r = gs_fail(err, GS_LIMIT, "line %u of %.200s is longer than %d bytes", number, name,
                        LINE_MAX_BYTES - 2);
        } else if (text.n > 0 && text.p[0] != '#') {
            r = add_text(wanted, driver, text, err);
            r = r < 0 ? gs_wrap(err, r, "line %u of %.200s", number, name) : 0;
        }
    }
    fclose(file);
    return r;
}

static int read_wanted(struct sim_store *store, const struct fault_args *args, struct wanted *ret,
                       struct gs_err *err)
{
    uint32_t driver = sim_store_view(store)->driver_major;
    sim_store_end(store);
    int r = 0;
    ret->n = 0;
    for (size_t i = 0; r == 0 && i < args->add.n; i++) {
        r = add_text(ret, driver, gs_view(args->add.items[i]), err);
    }
    return r < 0 || args->file == NULL ? r : add_file(ret, driver, args->file, err);
}

static int clear_all(struct sim_store *store, struct gs_err *err)
{
    struct sim_machine *machine = sim_store_begin(store);
    if (machine == NULL) {
        return gs_fail(err, GS_IO, "the machine in %.300s cannot be changed", sim_store_dir(store));
    }
    memset(machine->faults, 0, sizeof(machine->faults));
    return sim_store_commit(store) == SIM_OK ? 0 : gs_fail(err, GS_IO, "the state was not written");
}

static int list(struct sim_store *store, struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, TEXT_MAX);
    const struct sim_machine *machine = sim_store_view(store);
    for (unsigned i = 0; i < SIM_FAULTS; i++) {
        if (machine->faults[i].function[0] != '\0') {
            char line[300];
            sim_fault_format(&machine->faults[i], line, sizeof(line));
            gs_buf_printf(&text, "%s  # seen %u\n", line, sim_store_fault_seen(store, i));
        }
    }
    sim_store_end(store);
    return gs_output_text(&text, err);
}

int sim_cmd_fault(int argc, char **argv)
{
    struct fault_args args = {.dir = NULL};
    int status;
    if (!sim_begin(&sim_command_fault, argc, argv, &args, &status)) {
        return status;
    }
    struct gs_err err = {.code = GS_OK};
    GS_CLEANUP(sim_store_closep) struct sim_store *store = NULL;
    int r = sim_store_open(args.dir, &store, &err);
    struct wanted wanted;
    r = r < 0 ? r : read_wanted(store, &args, &wanted, &err);
    if (r == 0 && args.clear) {
        r = clear_all(store, &err);
    }
    for (unsigned i = 0; r == 0 && i < wanted.n; i++) {
        r = sim_fault_add(store, &wanted.faults[i], &err);
    }
    if (r == 0 && args.add.n == 0 && args.file == NULL && !args.clear) {
        r = list(store, &err);
    }
    return r == 0 ? SIM_EXIT_DONE : sim_failed(&err);
}
