/* trust: whom a TLS client believes and what it shows, read and kept for as long as it is used.
 *
 * Made of a struct gs_http_tls. Files are looked at each time: where they have changed, there is a
 * new trust, and connections of the old one take no new requests. */
#pragma once

#include <gnutls/gnutls.h>

#include "net/http_client.h"

struct gs_trust;

/* Finds or makes the one of `tls`, with one more user. GS_INVALID: a file that cannot be read, no
 * certificate in it, or a certificate and key that do not belong together; GS_LIMIT: too large;
 * GS_NO_MEMORY. */
int gs_trust_get(struct gs_trust **list, const struct gs_http_tls *tls, struct gs_trust **ret,
                 struct gs_err *err);

/* One user less. Without any it goes, but for the latest, which is likely to be asked for again.
 * NULL is fine. */
void gs_trust_put(struct gs_trust **list, struct gs_trust *trust);

/* One more user. */
void gs_trust_keep(struct gs_trust *trust);

/* Frees those that are left; none may have users. */
void gs_trust_sweep(struct gs_trust **list);

/* A TLS session of it with the server of that name, without a transport. GS_NO_MEMORY. */
int gs_trust_session(const struct gs_trust *trust, const char *host, gnutls_session_t *ret,
                     struct gs_err *err);
