/* kubestatus: what the API server says when it says no (metav1.Status). Sans-I/O. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

struct json_t; /* jansson's */

struct gs_kubestatus {
    unsigned code;     /* 404; 0: not told */
    uint32_t retry_s;  /* details.retryAfterSeconds; 0: not told */
    char reason[64];   /* "NotFound"; "": not told */
    char message[400]; /* cut; without control characters */
};

/* Whatever came with an error status: a Status, a text, or nothing that helps. Never fails. */
void gs_kubestatus_read(struct gs_view body, struct gs_kubestatus *ret);

/* The same of a JSON value that stands where an object was expected. */
void gs_kubestatus_of(const struct json_t *value, struct gs_kubestatus *ret);

/* What an HTTP status means to callers of cluster.h: 0 for 2xx; GS_NOT_FOUND, GS_BUSY, GS_INVALID,
 * GS_IO with *ret_errno (EPERM, EAGAIN, EPROTO). */
int gs_kubestatus_code(unsigned http_status, int *ret_errno);

/* The same request may succeed later: 429, 5xx but 501 and 505. */
bool gs_kubestatus_is_passing(unsigned http_status);
