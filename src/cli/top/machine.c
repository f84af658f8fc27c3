/* One machine as a source: its driver is asked every second. */
#include <stdlib.h>

#include "cli/dashboard/machine.h"
#include "cli/top/top.h"

struct gs_top_machine {
    struct gs_top_source *source;
    struct gs_machine_board machine;
    sd_event_source *timer;
};

static int on_timer(sd_event_source *timer, uint64_t usec, void *ctx)
{
    struct gs_top_machine *machine = ctx;
    struct gs_top_source *source = machine->source;
    (void)usec;
    gs_machine_board_look(&machine->machine);
    (void)sd_event_source_set_time_relative(timer, GS_MACHINE_BOARD_EVERY_US);
    (void)sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
    source->changed(source->ctx);
    return 0;
}

int gs_top_machine_open(sd_event *event, struct gs_top_source *source, const char *instance_type,
                        const char *region, struct gs_top_machine **ret, struct gs_err *err)
{
    struct gs_top_machine *machine = calloc(1, sizeof(*machine));
    if (machine == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the machine");
    }
    machine->source = source;
    int r = gs_machine_board_open(&machine->machine, instance_type, region, err);
    if (r == 0) {
        int s = sd_event_add_time_relative(event, &machine->timer, CLOCK_MONOTONIC,
                                           GS_MACHINE_BOARD_EVERY_US, GS_MACHINE_BOARD_ACCURACY_US,
                                           on_timer, machine);
        r = s < 0 ? gs_fail_errno(err, -s, "adding a timer") : 0;
    }
    if (r < 0) {
        gs_top_machine_close(machine);
        return r;
    }
    source->kind = "machine";
    source->name = machine->machine.host;
    source->board = machine->machine.board;
    source->settled = true;
    source->whole = true;
    *ret = machine;
    return 0;
}

void gs_top_machine_close(struct gs_top_machine *machine)
{
    if (machine != NULL) {
        sd_event_source_disable_unref(machine->timer);
        gs_machine_board_close(&machine->machine);
        free(machine);
    }
}
