/* resolve: names to addresses without holding up the loop.
 *
 * Addresses in numbers are answered at once. Names are asked for on a thread of their own, by the
 * system's resolver (nsswitch.conf, resolv.conf), which can only be asked while waiting. */
#pragma once

#include <sys/socket.h>

#include <systemd/sd-event.h>

#include "base/err.h"

enum { GS_ADDRESSES_MAX = 8 };

struct gs_addresses {
    unsigned n;
    struct {
        struct sockaddr_storage at;
        socklen_t size;
    } list[GS_ADDRESSES_MAX];
};

struct gs_resolve; /* a question under way */

/* `host` in numbers: 0 and *ret_addresses is there, *ret NULL. Else 0 and *ret: `done` comes from
 * the loop, once, with addresses, or GS_IO (EHOSTUNREACH) and a text. GS_LIMIT: too many questions
 * are under way; GS_NO_MEMORY, GS_IO. */
int gs_resolve(sd_event *event, const char *host, unsigned port,
               void (*done)(void *ctx, const struct gs_addresses *addresses,
                            const struct gs_err *err),
               void *ctx, struct gs_resolve **ret, struct gs_addresses *ret_addresses,
               struct gs_err *err);

/* `done` is not called; the thread ends when the system lets it. NULL is fine. */
void gs_resolve_cancel(struct gs_resolve *resolve);
