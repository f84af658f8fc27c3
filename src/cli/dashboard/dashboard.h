/* dashboard: what the ways to the dashboard share: of one machine, and through a cluster. */
#pragma once

#include <systemd/sd-event.h>

#include "cli/cluster/link.h"
#include "net/http_server.h"
#include "term/options.h"

struct gs_dashboard_args {
    bool node;
    bool no_browser;
    const char *address;
    const char *instance_type;
    const char *region;
    struct gs_link_args link;
    const char *name_space;
    const char *service;
    const char *account;
    uint64_t port; /* of the Service */
};

/* Each serves until ^C and returns the exit status. */
int gs_dashboard_node(const struct gs_dashboard_args *args);
int gs_dashboard_cluster(const struct gs_dashboard_args *args);

/* Asks the controller that decides for documents, by the same way as gs_dashboard_cluster: paths
 * as "/api/v1/cost?by=part". Fills in n trees, which are the caller's. Returns the exit status;
 * what went wrong was said, and there are no trees then. */
int gs_dashboard_ask(const struct gs_dashboard_args *args, const char *const paths[],
                     struct json_t *ret[], size_t n);

/* ^C and SIGTERM end the loop. GS_IO. */
int gs_dashboard_stop_on_signals(sd_event *event, struct gs_err *err);

/* A listening socket; only at an address of this machine's own. Codes of gs_http_listen_tcp. */
int gs_dashboard_listen(const char *address, int *ret_fd, struct gs_err *err);

/* Prints the address with `standing`, and opens a browser at the one with `once`, where there is a
 * screen and it is wanted: what is given to a program, others on this machine can read. */
void gs_dashboard_say(const struct gs_dashboard_args *args, unsigned port, const char *standing,
                      const char *once);
