/* loop: a loop for tests of what runs on one, and raw peers to talk to. */
#pragma once

#include "unit/check.h"

#include <stdbool.h>

#include <systemd/sd-event.h>

#include "base/view.h"

/* Runs the loop until *flag is true; fails the test after `limit_ms`. */
void loop_until(sd_event *event, const bool *flag, unsigned limit_ms);

/* Runs the loop for so long. */
void loop_for(sd_event *event, unsigned ms);

/* A peer on 127.0.0.1 that sends each one who connects the same bytes. */
struct raw_peer {
    sd_event_source *source;
    sd_event *event;
    int fd;
    unsigned port;
    struct gs_view bytes; /* what it sends once something was received */
    bool hold;            /* then it leaves the connection open */
    unsigned n_accepted;
    int open[1200];
    sd_event_source *readers[1200];
};

void raw_peer_start(struct raw_peer *peer, sd_event *event, struct gs_view bytes, bool hold);
void raw_peer_stop(struct raw_peer *peer);

/* A connection of a test's own: 127.0.0.1:port. */
int raw_connect(unsigned port);
/* From 127.0.0.NUMBER. */
int raw_connect_from(unsigned number, unsigned port);
