#include "net/trust.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { PEM_MAX = 1 << 20, PARTS = 3 };
enum part { CA, CERT, KEY };

/* Where a part comes from: a file as it was, or bytes. */
struct source {
    char *file;
    struct stat st;
    char *bytes;
    size_t n;
};

struct gs_trust {
    struct gs_trust *next;
    unsigned users;
    gnutls_certificate_credentials_t credentials;
    struct source parts[PARTS];
    char *server_name;
    bool insecure;
};

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for certificates");
}

/* ---- sources ---- */

static void drop_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

static void drop_source(struct source *source)
{
    if (source->bytes != NULL) {
        explicit_bzero(source->bytes, source->n);
    }
    free(source->file);
    free(source->bytes);
}

static int fail_file(const char *path, int e, struct gs_err *err)
{
    return gs_fail(err, GS_INVALID, "%s cannot be read: %s", path, strerror(e));
}

static int read_file(const char *path, struct source *ret, struct gs_err *err)
{
    GS_CLEANUP(drop_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &ret->st) < 0) {
        return fail_file(path, errno, err);
    }
    if (ret->st.st_size > PEM_MAX) {
        return gs_fail(err, GS_LIMIT, "%s: more than %d bytes", path, PEM_MAX);
    }
    ret->file = strdup(path);
    ret->bytes = malloc((size_t)ret->st.st_size + 1);
    if (ret->file == NULL || ret->bytes == NULL) {
        return no_memory(err);
    }
    ssize_t k = 1;
    while (k > 0 && ret->n < (size_t)ret->st.st_size) {
        k = read(fd, ret->bytes + ret->n, (size_t)ret->st.st_size - ret->n);
        ret->n += k > 0 ? (size_t)k : 0;
    }
    ret->bytes[ret->n] = '\0';
    return k < 0 ? fail_file(path, errno, err) : 0;
}

static int read_source(const char *file, struct gs_view bytes, struct source *ret,
                       struct gs_err *err)
{
    if (bytes.n == 0) {
        return file == NULL ? 0 : read_file(file, ret, err);
    }
    if (bytes.n > PEM_MAX) {
        return gs_fail(err, GS_LIMIT, "a certificate or key of more than %d bytes", PEM_MAX);
    }
    ret->bytes = malloc(bytes.n + 1);
    if (ret->bytes == NULL) {
        return no_memory(err);
    }
    memcpy(ret->bytes, bytes.p, bytes.n);
    ret->bytes[bytes.n] = '\0';
    ret->n = bytes.n;
    return 0;
}

/* The file is the one that was read, or the bytes are the same. */
static bool is_source(const struct source *source, const char *file, struct gs_view bytes)
{
    struct stat st;
    if (bytes.n > 0) {
        return source->file == NULL && source->n == bytes.n &&
               memcmp(source->bytes, bytes.p, bytes.n) == 0;
    }
    if (file == NULL || source->file == NULL) {
        return file == NULL && source->file == NULL && source->n == 0;
    }
    return strcmp(source->file, file) == 0 && stat(file, &st) == 0 &&
           st.st_ino == source->st.st_ino && st.st_dev == source->st.st_dev &&
           st.st_size == source->st.st_size && st.st_mtim.tv_sec == source->st.st_mtim.tv_sec &&
           st.st_mtim.tv_nsec == source->st.st_mtim.tv_nsec;
}

/* ---- making one ---- */

static void free_trust(struct gs_trust *trust)
{
    if (trust->credentials != NULL) {
        gnutls_certificate_free_credentials(trust->credentials);
    }
    for (unsigned i = 0; i < PARTS; i++) {
        drop_source(&trust->parts[i]);
    }
    free(trust->server_name);
    free(trust);
}

static gnutls_datum_t datum_of(const struct source *source)
{
    return (gnutls_datum_t){.data = (unsigned char *)source->bytes, .size = (unsigned)source->n};
}

static bool is_given(const struct source *source)
{
    return source->file != NULL || source->n > 0;
}

static const char *name_of(const struct source *source, const char *else_name)
{
    return source->file == NULL ? else_name : source->file;
}

static int load_ca(struct gs_trust *trust, struct gs_err *err)
{
    const struct source *ca = &trust->parts[CA];
    const gnutls_datum_t pem = datum_of(ca);
    if (!is_given(ca)) {
        return 0;
    }
    int n = gnutls_certificate_set_x509_trust_mem(trust->credentials, &pem, GNUTLS_X509_FMT_PEM);
    if (n > 0) {
        return 0;
    }
    return gs_fail(err, GS_INVALID, "%s: no certificate in PEM: %s",
                   name_of(ca, "the CA that is to be trusted"),
                   n == 0 ? "it is empty" : gnutls_strerror(n));
}

static int load_own(struct gs_trust *trust, struct gs_err *err)
{
    const struct source *cert = &trust->parts[CERT];
    const struct source *key = &trust->parts[KEY];
    const gnutls_datum_t pem = datum_of(cert);
    const gnutls_datum_t key_pem = datum_of(key);
    if (is_given(cert) != is_given(key)) {
        return gs_fail(err, GS_INVALID, "a client certificate without its key, or the key alone");
    }
    if (!is_given(cert)) {
        return 0;
    }
    int r = gnutls_certificate_set_x509_key_mem2(trust->credentials, &pem, &key_pem,
                                                 GNUTLS_X509_FMT_PEM, NULL, 0);
    return r >= 0 ? 0
                  : gs_fail(err, GS_INVALID, "%s and %s are no certificate and its key: %s",
                            name_of(cert, "the client certificate"), name_of(key, "the client key"),
                            gnutls_strerror(r));
}

static int fill(struct gs_trust *trust, const struct gs_http_tls *tls, struct gs_err *err)
{
    int r = read_source(tls->ca_file, tls->ca, &trust->parts[CA], err);
    r = r == 0 ? read_source(tls->cert_file, tls->cert, &trust->parts[CERT], err) : r;
    r = r == 0 ? read_source(tls->key_file, tls->key, &trust->parts[KEY], err) : r;
    if (r != 0) {
        return r;
    }
    trust->insecure = tls->insecure;
    trust->server_name = tls->server_name == NULL ? NULL : strdup(tls->server_name);
    if ((tls->server_name != NULL && trust->server_name == NULL) ||
        gnutls_certificate_allocate_credentials(&trust->credentials) < 0) {
        return no_memory(err);
    }
    r = load_ca(trust, err);
    return r == 0 ? load_own(trust, err) : r;
}

static bool is_same_name(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool is_trust(const struct gs_trust *trust, const struct gs_http_tls *tls)
{
    return trust->insecure == tls->insecure && is_same_name(trust->server_name, tls->server_name) &&
           is_source(&trust->parts[CA], tls->ca_file, tls->ca) &&
           is_source(&trust->parts[CERT], tls->cert_file, tls->cert) &&
           is_source(&trust->parts[KEY], tls->key_file, tls->key);
}

int gs_trust_get(struct gs_trust **list, const struct gs_http_tls *tls, struct gs_trust **ret,
                 struct gs_err *err)
{
    for (struct gs_trust *trust = *list; trust != NULL; trust = trust->next) {
        if (is_trust(trust, tls)) {
            trust->users++;
            *ret = trust;
            return 0;
        }
    }
    struct gs_trust *trust = calloc(1, sizeof(*trust));
    if (trust == NULL) {
        return no_memory(err);
    }
    int r = fill(trust, tls, err);
    if (r != 0) {
        free_trust(trust);
        return r;
    }
    trust->users = 1;
    trust->next = *list;
    *list = trust;
    *ret = trust;
    return 0;
}

void gs_trust_keep(struct gs_trust *trust)
{
    trust->users++;
}

/* Frees those without users from the place on. */
static void sweep_from(struct gs_trust **at)
{
    while (*at != NULL) {
        struct gs_trust *trust = *at;
        if (trust->users > 0) {
            at = &trust->next;
            continue;
        }
        *at = trust->next;
        free_trust(trust);
    }
}

void gs_trust_put(struct gs_trust **list, struct gs_trust *trust)
{
    if (trust != NULL && --trust->users == 0 && *list != trust) {
        sweep_from(&(*list)->next);
    }
}

void gs_trust_sweep(struct gs_trust **list)
{
    sweep_from(list);
}

/* ---- a session ---- */

/* Names go to the server, so that it shows the right certificate; addresses do not (RFC 6066). */
static bool is_address(const char *host)
{
    unsigned char at[16];
    return inet_pton(AF_INET, host, at) == 1 || inet_pton(AF_INET6, host, at) == 1;
}

static int set_up(const struct gs_trust *trust, const char *host, gnutls_session_t session)
{
    static const char priority[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
    static unsigned char h2[] = "h2";
    static unsigned char http1[] = "http/1.1";
    const gnutls_datum_t protocols[] = {{.data = h2, .size = 2}, {.data = http1, .size = 8}};
    const char *name = trust->server_name == NULL ? host : trust->server_name;
    int r = gnutls_priority_set_direct(session, priority, NULL);
    r = r < 0 ? r : gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, trust->credentials);
    r = r < 0 ? r : gnutls_alpn_set_protocols(session, protocols, GS_ARRAY_LEN(protocols), 0);
    if (r >= 0 && !is_address(name)) {
        r = gnutls_server_name_set(session, GNUTLS_NAME_DNS, name, strlen(name));
    }
    if (r >= 0 && !trust->insecure) {
        /* GnuTLS keeps the pointer: the trust outlives the session, the host as well. */
        gnutls_session_set_verify_cert(session, name, 0);
    }
    return r;
}

int gs_trust_session(const struct gs_trust *trust, const char *host, gnutls_session_t *ret,
                     struct gs_err *err)
{
    gnutls_session_t session = NULL;
    int r = gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
    r = r < 0 ? r : set_up(trust, host, session);
    if (r < 0) {
        if (session != NULL) {
            gnutls_deinit(session);
        }
        return gs_fail(err, GS_NO_MEMORY, "starting TLS: %s", gnutls_strerror(r));
    }
    *ret = session;
    return 0;
}
