#include "net/http_identity.h"

#include <stdlib.h>

enum { CHAIN_MAX = 8, PEM_MAX = 256 << 10 };

struct gs_http_identity {
    unsigned users;
    gnutls_pcert_st certs[CHAIN_MAX];
    unsigned n_certs;
    gnutls_privkey_t key;
};

static gnutls_datum_t datum_of(struct gs_view view)
{
    return (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)view.p, .size = (unsigned)view.n};
}

/* GnuTLS compares the key with the certificate only where it keeps both. */
static int check_pair(const gnutls_datum_t *cert, const gnutls_datum_t *key)
{
    gnutls_certificate_credentials_t credentials;
    int r = gnutls_certificate_allocate_credentials(&credentials);
    if (r < 0) {
        return r;
    }
    r = gnutls_certificate_set_x509_key_mem2(credentials, cert, key, GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_certificate_free_credentials(credentials);
    return r < 0 ? r : 0;
}

static int load(struct gs_http_identity *identity, const gnutls_datum_t *cert,
                const gnutls_datum_t *key)
{
    unsigned n = CHAIN_MAX;
    int r = check_pair(cert, key);
    r = r < 0
            ? r
            : gnutls_pcert_list_import_x509_raw(identity->certs, &n, cert, GNUTLS_X509_FMT_PEM, 0);
    if (r < 0) {
        return r;
    }
    identity->n_certs = n;
    r = gnutls_privkey_init(&identity->key);
    return r < 0 ? r
                 : gnutls_privkey_import_x509_raw(identity->key, key, GNUTLS_X509_FMT_PEM, NULL, 0);
}

int gs_http_identity_new(struct gs_view cert, struct gs_view key, struct gs_http_identity **ret,
                         struct gs_err *err)
{
    if ((cert.n == 0) != (key.n == 0)) {
        return gs_fail(err, GS_INVALID, "a TLS certificate without its key, or the key alone");
    }
    if (cert.n > PEM_MAX || key.n > PEM_MAX) {
        return gs_fail(err, GS_INVALID, "a TLS certificate or key of more than %d bytes", PEM_MAX);
    }
    struct gs_http_identity *identity = calloc(1, sizeof(*identity));
    if (identity == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a TLS certificate");
    }
    const gnutls_datum_t cert_pem = datum_of(cert);
    const gnutls_datum_t key_pem = datum_of(key);
    identity->users = 1;
    int r = load(identity, &cert_pem, &key_pem);
    if (r < 0) {
        gs_http_identity_put(identity);
        return gs_fail(err, r == GNUTLS_E_MEMORY_ERROR ? GS_NO_MEMORY : GS_INVALID,
                       "the TLS certificate or its key is not one that can be used: %s",
                       gnutls_strerror(r));
    }
    *ret = identity;
    return 0;
}

struct gs_http_identity *gs_http_identity_keep(struct gs_http_identity *identity)
{
    identity->users++;
    return identity;
}

void gs_http_identity_put(struct gs_http_identity *identity)
{
    if (identity == NULL || --identity->users > 0) {
        return;
    }
    for (unsigned i = 0; i < identity->n_certs; i++) {
        gnutls_pcert_deinit(&identity->certs[i]);
    }
    if (identity->key != NULL) {
        gnutls_privkey_deinit(identity->key);
    }
    free(identity);
}

int gs_http_identity_show(gnutls_session_t session, const gnutls_datum_t *issuers, int n_issuers,
                          const gnutls_pk_algorithm_t *algorithms, int n_algorithms,
                          gnutls_pcert_st **ret_certs, unsigned *ret_n, gnutls_privkey_t *ret_key)
{
    /* libmicrohttpd makes its connection the session's pointer, and uses it so itself for PSK. */
    struct MHD_Connection *connection = gnutls_session_get_ptr(session);
    const union MHD_ConnectionInfo *info =
        connection == NULL
            ? NULL
            : MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct gs_http_identity *identity = info == NULL ? NULL : info->socket_context;
    (void)issuers;
    (void)n_issuers;
    (void)algorithms;
    (void)n_algorithms;
    if (identity == NULL) {
        return -1;
    }
    *ret_certs = identity->certs;
    *ret_n = identity->n_certs;
    *ret_key = identity->key;
    return 0;
}
