#include "net/http_slow.h"

#include <stdlib.h>
#include <sys/socket.h>

#define LOOK_US 500000ull
#define ACCURACY_US 50000ull
#define FAIR_US 1000000ull /* nobody has to be faster than that */

struct place {
    struct MHD_Connection *connection; /* NULL: free */
    uint64_t since_us;                 /* CLOCK_MONOTONIC; 0: its request has come */
};

struct gs_http_slow {
    sd_event *event;
    sd_event_source *timer;
    uint64_t limit_us;
    bool full;
    size_t n_places;
    struct place places[];
};

static uint64_t now_us(const struct gs_http_slow *slow)
{
    uint64_t at = 0;
    (void)sd_event_now(slow->event, CLOCK_MONOTONIC, &at);
    return at;
}

/* libmicrohttpd then finds the connection at its end. */
static void shut(struct place *place)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(place->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info != NULL) {
        (void)shutdown(info->connect_fd, SHUT_RDWR);
    }
    place->since_us = 0;
}

/* Who has waited longest goes. */
static void make_room(struct gs_http_slow *slow)
{
    struct place *oldest = NULL;
    for (size_t i = 0; i < slow->n_places; i++) {
        struct place *place = &slow->places[i];
        if (place->connection != NULL && place->since_us != 0 &&
            (oldest == NULL || place->since_us < oldest->since_us)) {
            oldest = place;
        }
    }
    if (oldest != NULL && now_us(slow) >= oldest->since_us + FAIR_US) {
        shut(oldest);
    }
}

static int on_timer(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_http_slow *slow = ctx;
    uint64_t now = now_us(slow);
    bool any = false;
    (void)usec;
    if (slow->full) {
        make_room(slow);
    }
    for (size_t i = 0; i < slow->n_places; i++) {
        struct place *place = &slow->places[i];
        if (place->connection != NULL && place->since_us != 0) {
            if (now >= place->since_us + slow->limit_us) {
                shut(place);
            } else {
                any = true;
            }
        }
    }
    if (any) {
        (void)sd_event_source_set_time_relative(source, LOOK_US);
        (void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
    }
    return 0;
}

int gs_http_slow_new(sd_event *event, uint64_t limit_us, unsigned max_connections,
                     struct gs_http_slow **ret, struct gs_err *err)
{
    /* One that was shut may still be on its way out while the next comes in. */
    size_t n = 2 * (size_t)max_connections + 1;
    struct gs_http_slow *slow = calloc(1, sizeof(*slow) + n * sizeof(slow->places[0]));
    if (slow == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for an HTTP server");
    }
    slow->event = event;
    slow->limit_us = limit_us;
    slow->n_places = n;
    int s = sd_event_add_time_relative(event, &slow->timer, CLOCK_MONOTONIC, 0, ACCURACY_US,
                                       on_timer, slow);
    if (s < 0) {
        free(slow);
        return gs_fail_errno(err, -s, "adding a timer for HTTP");
    }
    *ret = slow;
    return 0;
}

void gs_http_slow_free(struct gs_http_slow *slow)
{
    if (slow != NULL) {
        sd_event_source_disable_unref(slow->timer);
        free(slow);
    }
}

static struct place *find(struct gs_http_slow *slow, const struct MHD_Connection *connection)
{
    for (size_t i = 0; i < slow->n_places; i++) {
        if (slow->places[i].connection == connection) {
            return &slow->places[i];
        }
    }
    return NULL;
}

void gs_http_slow_waits(struct gs_http_slow *slow, struct MHD_Connection *connection)
{
    struct place *place = find(slow, connection);
    place = place == NULL ? find(slow, NULL) : place;
    if (place == NULL) {
        return;
    }
    *place = (struct place){.connection = connection, .since_us = now_us(slow)};
    int enabled = SD_EVENT_OFF;
    if (sd_event_source_get_enabled(slow->timer, &enabled) >= 0 && enabled == SD_EVENT_OFF) {
        (void)sd_event_source_set_time_relative(slow->timer, LOOK_US);
        (void)sd_event_source_set_enabled(slow->timer, SD_EVENT_ONESHOT);
    }
}

void gs_http_slow_came(struct gs_http_slow *slow, struct MHD_Connection *connection)
{
    struct place *place = find(slow, connection);
    if (place != NULL) {
        place->since_us = 0;
    }
}

void gs_http_slow_gone(struct gs_http_slow *slow, struct MHD_Connection *connection)
{
    struct place *place = find(slow, connection);
    if (place != NULL) {
        place->connection = NULL;
    }
}

void gs_http_slow_full(struct gs_http_slow *slow, bool full)
{
    slow->full = full;
    if (full) {
        make_room(slow);
    }
}
