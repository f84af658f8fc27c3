#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "simdriver/sim.h"
#include "term/output.h"

enum { HELP_MAX = 64 * 1024 };

const struct gs_option sim_dir_operand = {
    .arg = "DIR",
    GS_TO_TEXT(struct sim_dir_args, dir),
    .complete = GS_COMPLETE_DIR,
    .help = "the machine's folder; without it, the one that GPUSLICE_SIM names",
};

/* One line, whatever the names in the message hold. */
static void print_failure(const struct gs_err *err)
{
    if (err->sys_errno == EPIPE && gs_output_reader_gone()) {
        return;
    }
    GS_CLEANUP(gs_buf_done) struct gs_buf line;
    gs_buf_init(&line, 4 * sizeof(err->msg));
    gs_text_clean(&line, err->msg, strlen(err->msg));
    fprintf(stderr, "gpuslice-sim: %s\n", gs_buf_text(&line));
}

int sim_failed(const struct gs_err *err)
{
    print_failure(err);
    switch (err->code) {
    case GS_OK:
        return SIM_EXIT_DONE;
    case GS_BUSY:
    case GS_INFEASIBLE:
    case GS_UNKNOWN:
    case GS_UNSUPPORTED:
        return SIM_EXIT_REFUSED;
    case GS_NO_MEMORY:
    case GS_IO:
        return SIM_EXIT_SYSTEM;
    case GS_INVALID:
    case GS_NOT_FOUND:
    case GS_AMBIGUOUS:
    case GS_LIMIT:
        break;
    }
    return SIM_EXIT_BAD_INPUT;
}

int sim_usage(const struct gs_err *err)
{
    print_failure(err);
    return SIM_EXIT_USAGE;
}

bool sim_begin(const struct gs_command *command, int argc, char **argv, void *ret_values,
               int *ret_status)
{
    struct gs_err err = {.code = GS_OK};
    int r = gs_options_parse(command, argc, argv, ret_values, &err);
    if (r == GS_OPTIONS_HELP) {
        GS_CLEANUP(gs_buf_done) struct gs_buf text;
        gs_buf_init(&text, HELP_MAX);
        gs_help_command(command, &text);
        r = gs_output_text(&text, &err);
        *ret_status = r == 0 ? SIM_EXIT_DONE : sim_failed(&err);
        return false;
    }
    if (r < 0) {
        *ret_status = sim_usage(&err);
        return false;
    }
    return true;
}

int sim_explain(int code, const char *what, struct gs_err *err)
{
    switch ((enum sim_code)code) {
    case SIM_OK:
        return 0;
    case SIM_IN_USE:
        return gs_fail(err, GS_BUSY, "%s: in use by another process", what);
    case SIM_NOT_SUPPORTED:
        return gs_fail(err, GS_UNSUPPORTED, "%s: this GPU does not do it", what);
    case SIM_GPU_IS_LOST:
        return gs_fail(err, GS_BUSY, "%s: the GPU is lost; a reboot brings it back", what);
    case SIM_DRIVER_NOT_LOADED:
        return gs_fail(err, GS_BUSY, "%s: the driver is not loaded", what);
    case SIM_NOT_FOUND:
        return gs_fail(err, GS_NOT_FOUND, "%s: there is no such slice or GPU", what);
    case SIM_INSUFFICIENT_RESOURCES:
        return gs_fail(err, GS_INFEASIBLE, "%s: not enough is free", what);
    case SIM_UNINITIALIZED:
    case SIM_INVALID_ARGUMENT:
    case SIM_INSUFFICIENT_SIZE:
    case SIM_TIMEOUT:
    case SIM_RESET_REQUIRED:
    case SIM_UNKNOWN:
        break;
    }
    return gs_fail(err, GS_IO, "%s: code %d", what, code);
}

void sim_bus_id(const struct sim_gpu *gpu, char ret[20])
{
    snprintf(ret, 20, "%08X:%02X:%02X.0", gpu->pci_domain, gpu->pci_bus & 0xFF,
             gpu->pci_device & 0x1F);
}

/* By number, UUID or PCI address with a domain of 4 or 8 digits. */
static bool find_gpu(const struct sim_machine *machine, struct gs_view text, uint32_t *ret)
{
    uint64_t number;
    if (gs_view_is_u64(text, SIM_GPUS_MAX, &number)) {
        *ret = (uint32_t)number;
        return number < machine->n_gpus;
    }
    for (uint32_t i = 0; i < machine->n_gpus; i++) {
        char bus[20];
        sim_bus_id(&machine->gpus[i], bus);
        if (gs_view_eq(text, machine->gpus[i].uuid) || gs_view_eq_nocase(text, bus) ||
            gs_view_eq_nocase(text, bus + 4)) {
            *ret = i;
            return true;
        }
    }
    return false;
}

int sim_find_gpus(const struct sim_machine *machine, const char *list, uint32_t *ret_gpus,
                  struct gs_err *err)
{
    struct gs_view rest = gs_view(list);
    uint32_t gpus = 0;
    while (rest.p != NULL) {
        struct gs_view part = gs_view_trim(gs_view_split(&rest, ','));
        uint32_t gpu;
        if (!find_gpu(machine, part, &gpu)) {
            return gs_fail(err, GS_NOT_FOUND,
                           "\"%.*s\" is no GPU of the machine: expected a number from 0 to %u, a "
                           "UUID or a PCI address",
                           GS_VIEW_ARGS(part), machine->n_gpus == 0 ? 0 : machine->n_gpus - 1);
        }
        gpus |= 1u << gpu;
    }
    *ret_gpus = gpus;
    return 0;
}

static int no_slice(const char *text, const char *expected, struct gs_err *err)
{
    return gs_fail(err, GS_NOT_FOUND,
                   "\"%.100s\" is no slice of the machine: expected %s; gpuslice-sim show lists "
                   "them",
                   text, expected);
}

int sim_find_slice(const struct sim_machine *machine, const char *text, bool whole,
                   uint32_t *ret_gpu, uint32_t *ret_gi, uint32_t *ret_ci, struct gs_err *err)
{
    const char *expected = whole ? "MIG-UUID, GPU:GI:CI, GPU:GI or GPU" : "MIG-UUID or GPU:GI:CI";
    if (sim_mig_find(machine, text, ret_gpu, ret_gi, ret_ci) == SIM_OK) {
        return 0;
    }
    uint64_t ids[3] = {SIM_NONE, SIM_NONE, SIM_NONE};
    unsigned n = 0;
    struct gs_view rest = gs_view(text);
    uint32_t gpu;
    if (whole && find_gpu(machine, rest, &gpu)) {
        ids[n++] = gpu;
        rest = (struct gs_view){.p = NULL};
    }
    while (rest.p != NULL) {
        if (n == 3 || !gs_view_is_u64(gs_view_split(&rest, ':'), 1000, &ids[n++])) {
            return no_slice(text, expected, err);
        }
    }
    bool there =
        n == 3   ? sim_ci_get(machine, (unsigned)ids[0], (uint32_t)ids[1], (uint32_t)ids[2]) != NULL
        : n == 2 ? sim_gi_get(machine, (unsigned)ids[0], (uint32_t)ids[1]) != NULL
                 : ids[0] < machine->n_gpus;
    if (!there || (n < 3 && !whole)) {
        return no_slice(text, expected, err);
    }
    *ret_gpu = (uint32_t)ids[0];
    *ret_gi = (uint32_t)ids[1];
    *ret_ci = (uint32_t)ids[2];
    return 0;
}
