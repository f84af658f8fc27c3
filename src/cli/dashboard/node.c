/* The dashboard of one machine: what its driver says, read again and again. */
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/dashboard/dashboard.h"
#include "cli/dashboard/machine.h"
#include "dashboard/dashboard.h"
#include "term/exit.h"

struct node {
    const struct gs_dashboard_args *args;
    sd_event *event;
    sd_event_source *timer;
    struct gs_machine_board machine;
    struct gs_dashboard *dashboard;
    char key[GS_DOOR_ID_TEXT];
    char once[GS_DOOR_ID_TEXT];
};

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct node *node = ctx;
    (void)usec;
    gs_machine_board_look(&node->machine);
    (void)sd_event_source_set_time_relative(source, GS_MACHINE_BOARD_EVERY_US);
    (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    return 0;
}

static int begin(struct node *node, struct gs_err *err)
{
    const struct gs_dashboard_args *args = node->args;
    int fd = -1;
    int r = gs_dashboard_listen(args->address, &fd, err);
    r = r < 0 ? r : gs_machine_board_open(&node->machine, args->instance_type, args->region, err);
    if (r == 0) {
        int s = sd_event_new(&node->event);
        r = s < 0 ? gs_fail_errno(err, -s, "making an event loop")
                  : gs_dashboard_stop_on_signals(node->event, err);
    }
    r = r < 0 ? r : gs_door_random(node->key, err);
    if (r < 0) {
        if (fd >= 0) {
            close(fd);
        }
        return r;
    }
    const struct gs_dashboard_options options = {
        .event = node->event, .board = node->machine.board, .token = node->key};
    r = gs_dashboard_new(fd, &options, &node->dashboard, err);
    r = r == 0 ? gs_dashboard_code(node->dashboard, node->once, err) : r;
    if (r == 0) {
        int s = sd_event_add_time_relative(node->event, &node->timer, CLOCK_MONOTONIC,
                                           GS_MACHINE_BOARD_EVERY_US, GS_MACHINE_BOARD_ACCURACY_US,
                                           on_timer, node);
        r = s < 0 ? gs_fail_errno(err, -s, "adding a timer") : 0;
    }
    return r;
}

int gs_dashboard_node(const struct gs_dashboard_args *args)
{
    struct node node = {.args = args};
    struct gs_err err = {.msg = ""};
    int r = gs_machine_board_check(args->instance_type, args->region, &err);
    if (r < 0) {
        return gs_exit_usage(&err);
    }
    r = begin(&node, &err);
    if (r == 0) {
        gs_dashboard_say(args, gs_dashboard_port(node.dashboard), node.key, node.once);
        (void)sd_event_loop(node.event);
    }
    sd_event_source_disable_unref(node.timer);
    gs_dashboard_free(node.dashboard);
    gs_machine_board_close(&node.machine);
    sd_event_unref(node.event);
    return r == 0 ? GS_EXIT_DONE : gs_exit_failed(&err);
}
