/* proxy: passes TCP connections on to a port of this machine, until it is shut.
 *
 * It runs on the test's loop. Shut, nobody listens and every connection is reset. */
#pragma once

#include <stdbool.h>

#include <systemd/sd-event.h>

enum { PROXY_PAIRS_MAX = 64 };

struct proxy;

struct proxy_side {
    struct proxy *proxy;
    unsigned pair;
    int fd; /* -1: free */
    sd_event_source *source;
    char bytes[65536]; /* that wait to be written to the other side */
    unsigned n;
};

struct proxy {
    sd_event *event;
    char host[64];
    unsigned to;
    unsigned port;
    int fd;      /* -1: shut */
    bool frozen; /* takes connections and bytes, and passes nothing on */
    sd_event_source *source;
    unsigned n_accepted;
    struct proxy_side (*pairs)[2];
};

void proxy_open(struct proxy *proxy, sd_event *event, const char *host, unsigned to);
void proxy_close(struct proxy *proxy);

/* Nobody listens, connections are reset; and again as before, at the same port. */
void proxy_shut(struct proxy *proxy, bool shut);
void proxy_freeze(struct proxy *proxy, bool frozen);

/* Resets all connections. */
void proxy_drop(struct proxy *proxy);
