/* http_identity: what a server shows of itself over TLS: a certificate, its chain, and the key.
 *
 * Several are used at a time while one takes the other's place: a connection keeps the one that it
 * began with. Private to src/net. */
#pragma once

#include <microhttpd.h>

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

#include "base/err.h"
#include "base/view.h"

struct gs_http_identity;

/* From PEM, with one user. GS_INVALID: no certificate, no key, or they do not belong together;
 * GS_NO_MEMORY. */
int gs_http_identity_new(struct gs_view cert, struct gs_view key, struct gs_http_identity **ret,
                         struct gs_err *err);

struct gs_http_identity *gs_http_identity_keep(struct gs_http_identity *identity);

/* One user less; without any it goes. NULL is fine. */
void gs_http_identity_put(struct gs_http_identity *identity);

/* For MHD_OPTION_HTTPS_CERT_CALLBACK: shows the identity that is the connection's socket context.
 */
int gs_http_identity_show(gnutls_session_t session, const gnutls_datum_t *issuers, int n_issuers,
                          const gnutls_pk_algorithm_t *algorithms, int n_algorithms,
                          gnutls_pcert_st **ret_certs, unsigned *ret_n, gnutls_privkey_t *ret_key);
