/* url: http and https addresses taken apart (RFC 3986, as far as a client needs it). Pure. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/view.h"

/* Borrowed from the text. */
struct gs_url {
    bool https;
    struct gs_view host; /* without the brackets of an IPv6 address */
    bool v6;             /* it stood in brackets */
    unsigned port;       /* 80 or 443 where none is given */
    bool default_port;
    struct gs_view target; /* path and query, as they are to be sent; empty: "/" is meant */
};

/* GS_INVALID: not http:// or https://, no host, a port that is none, a user name, a blank, a
 * control character, or anything beyond ASCII: what is special has to be %-encoded already. A
 * fragment is not part of the target. */
int gs_url_parse(const char *text, struct gs_url *ret, struct gs_err *err);
