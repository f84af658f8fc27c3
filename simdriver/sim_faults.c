/* fault: what goes wrong on demand. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/output.h"
#include "simdriver/fault.h"
#include "simdriver/sim.h"

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

static int add_text(struct sim_store *store, struct gs_view text, struct gs_err *err)
{
    struct sim_fault fault;
    int r = sim_fault_parse(text, &fault, err);
    return r < 0 ? r : sim_fault_add(store, &fault, err);
}

static int add_file(struct sim_store *store, const char *name, struct gs_err *err)
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
            r = add_text(store, text, err);
            r = r < 0 ? gs_wrap(err, r, "line %u of %.200s", number, name) : 0;
        }
    }
    fclose(file);
    return r;
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
    if (r == 0 && args.clear) {
        r = clear_all(store, &err);
    }
    for (size_t i = 0; r == 0 && i < args.add.n; i++) {
        r = add_text(store, gs_view(args.add.items[i]), &err);
    }
    if (r == 0 && args.file != NULL) {
        r = add_file(store, args.file, &err);
    }
    if (r == 0 && args.add.n == 0 && args.file == NULL && !args.clear) {
        r = list(store, &err);
    }
    return r == 0 ? SIM_EXIT_DONE : sim_failed(&err);
}
