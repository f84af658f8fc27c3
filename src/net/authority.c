#include "net/authority.h"

#include <arpa/inet.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/view.h"

enum {
    BUNDLE_MAX = 8,
    CA_LIVES = 4,
    KEY_ID_MAX = 64,
    SAN_MAX = 256,
    SERIAL_BYTES = 16,
    BACKDATED_MAX_S = 3600, /* clocks that are behind ours */
    SETTLED_MIN_S = 2,      /* API servers hear of a new CA by a watch */
    SETTLED_MAX_S = 600
};

/* The parts as GnuTLS has them; NULL: not there, or not of use. */
struct parts {
    gnutls_x509_crt_t cas[BUNDLE_MAX];
    unsigned n_cas;
    gnutls_x509_privkey_t ca_key;
    gnutls_x509_crt_t cert;
    gnutls_x509_privkey_t key;
};

static uint64_t backdated_s(uint64_t life_s)
{
    return life_s / 10 < BACKDATED_MAX_S ? life_s / 10 : BACKDATED_MAX_S;
}

static uint64_t settled_s(uint64_t life_s)
{
    uint64_t part_s = life_s / 20;
    return part_s < SETTLED_MIN_S ? SETTLED_MIN_S : part_s < SETTLED_MAX_S ? part_s : SETTLED_MAX_S;
}

static void wipe(struct gs_buf *buf)
{
    if (buf->text != NULL) {
        explicit_bzero(buf->text, buf->cap);
    }
    gs_buf_done(buf);
}

void gs_authority_init(struct gs_authority *authority)
{
    gs_buf_init(&authority->bundle, GS_AUTHORITY_PEM_MAX);
    gs_buf_init(&authority->ca_key, GS_AUTHORITY_PEM_MAX);
    gs_buf_init(&authority->cert, GS_AUTHORITY_PEM_MAX);
    gs_buf_init(&authority->key, GS_AUTHORITY_PEM_MAX);
}

void gs_authority_done(struct gs_authority *authority)
{
    gs_buf_done(&authority->bundle);
    wipe(&authority->ca_key);
    gs_buf_done(&authority->cert);
    wipe(&authority->key);
}

static int fail(int r, const char *what, struct gs_err *err)
{
    return gs_fail(err, r == GNUTLS_E_MEMORY_ERROR ? GS_NO_MEMORY : GS_IO, "%s: %s", what,
                   gnutls_strerror(r));
}

/* ---- what there is ---- */

static gnutls_datum_t datum_of(const struct gs_buf *buf)
{
    return (gnutls_datum_t){.data = (unsigned char *)buf->text, .size = (unsigned)buf->len};
}

static void drop_cert(gnutls_x509_crt_t *cert)
{
    if (*cert != NULL) {
        gnutls_x509_crt_deinit(*cert);
        *cert = NULL;
    }
}

static void drop_key(gnutls_x509_privkey_t *key)
{
    if (*key != NULL) {
        gnutls_x509_privkey_deinit(*key);
        *key = NULL;
    }
}

static void drop_parts(struct parts *parts)
{
    for (unsigned i = 0; i < BUNDLE_MAX; i++) {
        drop_cert(&parts->cas[i]);
    }
    drop_key(&parts->ca_key);
    drop_cert(&parts->cert);
    drop_key(&parts->key);
}

static gnutls_x509_privkey_t read_key(const struct gs_buf *pem)
{
    gnutls_x509_privkey_t key = NULL;
    const gnutls_datum_t datum = datum_of(pem);
    if (pem->len > 0 && gnutls_x509_privkey_init(&key) >= 0 &&
        gnutls_x509_privkey_import(key, &datum, GNUTLS_X509_FMT_PEM) < 0) {
        drop_key(&key);
    }
    return key;
}

static gnutls_x509_crt_t read_cert(const struct gs_buf *pem)
{
    gnutls_x509_crt_t cert = NULL;
    const gnutls_datum_t datum = datum_of(pem);
    if (pem->len > 0 && gnutls_x509_crt_init(&cert) >= 0 &&
        gnutls_x509_crt_import(cert, &datum, GNUTLS_X509_FMT_PEM) < 0) {
        drop_cert(&cert);
    }
    return cert;
}

static bool is_pair(gnutls_x509_crt_t cert, gnutls_x509_privkey_t key)
{
    unsigned char of_cert[KEY_ID_MAX];
    unsigned char of_key[KEY_ID_MAX];
    size_t n = sizeof(of_cert);
    size_t m = sizeof(of_key);
    return cert != NULL && key != NULL &&
           gnutls_x509_crt_get_key_id(cert, GNUTLS_KEYID_USE_SHA256, of_cert, &n) >= 0 &&
           gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, of_key, &m) >= 0 &&
           n == m && memcmp(of_cert, of_key, n) == 0;
}

static bool is_over(gnutls_x509_crt_t cert, uint64_t now_s)
{
    return (uint64_t)gnutls_x509_crt_get_expiration_time(cert) <= now_s;
}

/* Two thirds of its life have passed. */
static bool is_due(gnutls_x509_crt_t cert, uint64_t now_s)
{
    uint64_t begin = (uint64_t)gnutls_x509_crt_get_activation_time(cert);
    uint64_t end = (uint64_t)gnutls_x509_crt_get_expiration_time(cert);
    return end <= begin || now_s >= begin + (end - begin) / 3 * 2;
}

/* The CAs of the bundle that have not ended. *ret_dropped: others were there. */
static void read_bundle(const struct gs_buf *pem, uint64_t now_s, struct parts *parts,
                        bool *ret_dropped)
{
    gnutls_x509_crt_t *all = NULL;
    unsigned n = 0;
    const gnutls_datum_t datum = datum_of(pem);
    *ret_dropped = false;
    if (pem->len == 0 ||
        gnutls_x509_crt_list_import2(&all, &n, &datum, GNUTLS_X509_FMT_PEM, 0) < 0) {
        *ret_dropped = pem->len > 0;
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        if (parts->n_cas < BUNDLE_MAX - 1 && !is_over(all[i], now_s)) {
            parts->cas[parts->n_cas++] = all[i];
        } else {
            gnutls_x509_crt_deinit(all[i]);
            *ret_dropped = true;
        }
    }
    gnutls_free(all);
}

/* Somebody who believes the bundle believes it now. */
static bool is_shown_well(const struct parts *parts, uint64_t now_s)
{
    unsigned verdict = 0;
    return is_pair(parts->cert, parts->key) && !is_over(parts->cert, now_s) &&
           gnutls_x509_crt_verify(parts->cert, parts->cas, parts->n_cas,
                                  GNUTLS_VERIFY_DISABLE_TIME_CHECKS, &verdict) >= 0 &&
           verdict == 0;
}

static bool has_names(gnutls_x509_crt_t cert, const struct gs_authority_plan *plan)
{
    for (size_t i = 0; i < plan->n_names; i++) {
        if (gnutls_x509_crt_check_hostname(cert, plan->names[i]) == 0) {
            return false;
        }
    }
    return true;
}

/* ---- what is made ---- */

static int make_key(gnutls_x509_privkey_t *ret)
{
    int r = gnutls_x509_privkey_init(ret);
    return r < 0 ? r
                 : gnutls_x509_privkey_generate(
                       *ret, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
}

/* What a CA and a certificate have in common. `name` is made different by the serial. */
static int begin_cert(gnutls_x509_crt_t cert, gnutls_x509_privkey_t key, const char *name,
                      uint64_t begin_s, uint64_t end_s)
{
    unsigned char serial[SERIAL_BYTES];
    unsigned char id[KEY_ID_MAX];
    size_t n_id = sizeof(id);
    char called[64];
    int r = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));
    serial[0] = (unsigned char)((serial[0] & 0x3f) | 0x40); /* positive, of full length */
    int n = snprintf(called, sizeof(called), "%s %02x%02x%02x%02x", name, serial[0], serial[1],
                     serial[2], serial[3]);
    r = r < 0 ? r : gnutls_x509_crt_set_version(cert, 3);
    r = r < 0 ? r : gnutls_x509_crt_set_serial(cert, serial, sizeof(serial));
    r = r < 0 ? r
              : gnutls_x509_crt_set_dn_by_oid(cert, GNUTLS_OID_X520_COMMON_NAME, 0, called,
                                              (unsigned)n);
    r = r < 0 ? r : gnutls_x509_crt_set_activation_time(cert, (time_t)begin_s);
    r = r < 0 ? r : gnutls_x509_crt_set_expiration_time(cert, (time_t)end_s);
    r = r < 0 ? r : gnutls_x509_crt_set_key(cert, key);
    r = r < 0 ? r : gnutls_x509_crt_get_key_id(cert, 0, id, &n_id);
    return r < 0 ? r : gnutls_x509_crt_set_subject_key_id(cert, id, n_id);
}

/* Becomes the first of the bundle. */
static int make_ca(struct parts *parts, const struct gs_authority_plan *plan, struct gs_err *err)
{
    gnutls_x509_crt_t ca = NULL;
    uint64_t life = CA_LIVES * plan->life_s;
    drop_key(&parts->ca_key);
    int r = make_key(&parts->ca_key);
    r = r < 0 ? r : gnutls_x509_crt_init(&ca);
    r = r < 0 ? r
              : begin_cert(ca, parts->ca_key, "gpuslice webhook CA",
                           plan->now_s - backdated_s(plan->life_s), plan->now_s + life);
    r = r < 0 ? r : gnutls_x509_crt_set_basic_constraints(ca, 1, 0);
    r = r < 0 ? r : gnutls_x509_crt_set_key_usage(ca, GNUTLS_KEY_KEY_CERT_SIGN);
    r = r < 0 ? r : gnutls_x509_crt_sign2(ca, ca, parts->ca_key, GNUTLS_DIG_SHA256, 0);
    if (r < 0) {
        drop_cert(&ca);
        return fail(r, "making a CA", err);
    }
    if (parts->n_cas == BUNDLE_MAX) {
        drop_cert(&parts->cas[--parts->n_cas]);
    }
    memmove(&parts->cas[1], &parts->cas[0], parts->n_cas * sizeof(parts->cas[0]));
    parts->cas[0] = ca;
    parts->n_cas++;
    return 0;
}

static int add_name(gnutls_x509_crt_t cert, const char *name)
{
    unsigned char ip[16];
    bool v4 = inet_pton(AF_INET, name, ip) == 1;
    if (v4 || inet_pton(AF_INET6, name, ip) == 1) {
        return gnutls_x509_crt_set_subject_alt_name(cert, GNUTLS_SAN_IPADDRESS, ip, v4 ? 4 : 16,
                                                    GNUTLS_FSAN_APPEND);
    }
    return gnutls_x509_crt_set_subject_alt_name(cert, GNUTLS_SAN_DNSNAME, name,
                                                (unsigned)strlen(name), GNUTLS_FSAN_APPEND);
}

/* The names of the certificate before: another replica may want them. */
static int copy_names(gnutls_x509_crt_t from, gnutls_x509_crt_t to)
{
    for (unsigned i = 0; i < GS_AUTHORITY_NAMES_MAX; i++) {
        unsigned char name[SAN_MAX];
        size_t n = sizeof(name);
        int kind = gnutls_x509_crt_get_subject_alt_name(from, i, name, &n, NULL);
        if (kind < 0) {
            return 0;
        }
        if (kind == GNUTLS_SAN_DNSNAME || kind == GNUTLS_SAN_IPADDRESS) {
            int r = gnutls_x509_crt_set_subject_alt_name(to, (gnutls_x509_subject_alt_name_t)kind,
                                                         name, (unsigned)n, GNUTLS_FSAN_APPEND);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

static int sign_cert(const struct parts *parts, gnutls_x509_crt_t cert)
{
    unsigned char id[KEY_ID_MAX];
    size_t n = sizeof(id);
    int r = gnutls_x509_crt_get_subject_key_id(parts->cas[0], id, &n, NULL);
    r = r < 0 ? r : gnutls_x509_crt_set_authority_key_id(cert, id, n);
    r = r < 0 ? r : gnutls_x509_crt_set_basic_constraints(cert, 0, -1);
    r = r < 0 ? r : gnutls_x509_crt_set_key_usage(cert, GNUTLS_KEY_DIGITAL_SIGNATURE);
    r = r < 0 ? r : gnutls_x509_crt_set_key_purpose_oid(cert, GNUTLS_KP_TLS_WWW_SERVER, 0);
    return r < 0 ? r
                 : gnutls_x509_crt_sign2(cert, parts->cas[0], parts->ca_key, GNUTLS_DIG_SHA256, 0);
}

static int make_cert(struct parts *parts, const struct gs_authority_plan *plan, bool keep_names,
                     struct gs_err *err)
{
    gnutls_x509_crt_t cert = NULL;
    gnutls_x509_privkey_t key = NULL;
    uint64_t end = plan->now_s + plan->life_s;
    uint64_t last = (uint64_t)gnutls_x509_crt_get_expiration_time(parts->cas[0]);
    int r = make_key(&key);
    r = r < 0 ? r : gnutls_x509_crt_init(&cert);
    r = r < 0 ? r
              : begin_cert(cert, key, "gpuslice webhook", plan->now_s - backdated_s(plan->life_s),
                           end < last ? end : last);
    for (size_t i = 0; r >= 0 && i < plan->n_names; i++) {
        r = add_name(cert, plan->names[i]);
    }
    r = r >= 0 && keep_names ? copy_names(parts->cert, cert) : r;
    r = r < 0 ? r : sign_cert(parts, cert);
    if (r < 0) {
        drop_cert(&cert);
        drop_key(&key);
        return fail(r, "making the webhook's certificate", err);
    }
    drop_cert(&parts->cert);
    drop_key(&parts->key);
    parts->cert = cert;
    parts->key = key;
    return 0;
}

/* ---- all ---- */

static int put_pem(int r, gnutls_datum_t *pem, struct gs_buf *out, struct gs_err *err)
{
    if (r < 0) {
        return fail(r, "writing a certificate", err);
    }
    gs_buf_put(out, (const char *)pem->data, pem->size);
    explicit_bzero(pem->data, pem->size);
    gnutls_free(pem->data);
    return gs_buf_ok(out) ? 0
                          : gs_fail(err, out->len + pem->size > out->max ? GS_LIMIT : GS_NO_MEMORY,
                                    "no room for the webhook's certificates");
}

static int write_parts(const struct parts *parts, struct gs_authority *ret, struct gs_err *err)
{
    gnutls_datum_t pem;
    int r = 0;
    for (unsigned i = 0; r == 0 && i < parts->n_cas; i++) {
        r = put_pem(gnutls_x509_crt_export2(parts->cas[i], GNUTLS_X509_FMT_PEM, &pem), &pem,
                    &ret->bundle, err);
    }
    r = r != 0 ? r
               : put_pem(gnutls_x509_privkey_export2_pkcs8(parts->ca_key, GNUTLS_X509_FMT_PEM, NULL,
                                                           GNUTLS_PKCS_PLAIN, &pem),
                         &pem, &ret->ca_key, err);
    r = r != 0 ? r
               : put_pem(gnutls_x509_crt_export2(parts->cert, GNUTLS_X509_FMT_PEM, &pem), &pem,
                         &ret->cert, err);
    return r != 0 ? r
                  : put_pem(gnutls_x509_privkey_export2_pkcs8(parts->key, GNUTLS_X509_FMT_PEM, NULL,
                                                              GNUTLS_PKCS_PLAIN, &pem),
                            &pem, &ret->key, err);
}

/* *ret_why: what was done; NULL: nothing. */
static int renew(struct parts *parts, const struct gs_authority_plan *plan, const char **ret_why,
                 struct gs_err *err)
{
    int r = 0;
    *ret_why = NULL;
    if (parts->n_cas == 0 || !is_pair(parts->cas[0], parts->ca_key)) {
        r = make_ca(parts, plan, err);
        *ret_why = "a new CA, since there was none";
    } else if (is_due(parts->cas[0], plan->now_s)) {
        r = make_ca(parts, plan, err);
        *ret_why = "a new CA, since two thirds of the old one's life have passed";
    }
    if (r != 0) {
        return r;
    }
    if (!is_shown_well(parts, plan->now_s)) {
        *ret_why = "a new certificate, since there was none that can be shown";
        return make_cert(parts, plan, false, err);
    }
    bool names = has_names(parts->cert, plan);
    bool due = is_due(parts->cert, plan->now_s);
    uint64_t born = (uint64_t)gnutls_x509_crt_get_activation_time(parts->cas[0]);
    bool settled =
        plan->believed && plan->now_s >= born + backdated_s(plan->life_s) + settled_s(plan->life_s);
    if ((!names || due) && settled) {
        *ret_why = due ? "a new certificate, since two thirds of the old one's life have passed"
                       : "a new certificate, since names were missing in the old one";
        return make_cert(parts, plan, !due, err);
    }
    return 0;
}

int gs_authority_check(const struct gs_authority_plan *plan, struct gs_err *err)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:";
    if (plan->n_names == 0 || plan->n_names > GS_AUTHORITY_NAMES_MAX) {
        return gs_fail(err, GS_LIMIT, "%zu names for the webhook's certificate; expected 1 to %d",
                       plan->n_names, GS_AUTHORITY_NAMES_MAX);
    }
    for (size_t i = 0; i < plan->n_names; i++) {
        size_t n = strlen(plan->names[i]);
        if (n == 0 || n > GS_AUTHORITY_NAME_MAX || strspn(plan->names[i], plain) != n) {
            return gs_fail(err, GS_INVALID,
                           "\"%.100s\" is no DNS name or address for the webhook's certificate",
                           plan->names[i]);
        }
    }
    return plan->life_s >= GS_AUTHORITY_LIFE_MIN_S
               ? 0
               : gs_fail(err, GS_INVALID, "a certificate's life of %llu s; expected at least %d",
                         (unsigned long long)plan->life_s, GS_AUTHORITY_LIFE_MIN_S);
}

int gs_authority_renew(struct gs_authority *authority, const struct gs_authority_plan *plan,
                       bool *ret_changed, const char **ret_why, struct gs_err *err)
{
    GS_CLEANUP(drop_parts) struct parts parts = {.n_cas = 0};
    struct gs_authority made;
    const char *why = NULL;
    bool dropped = false;
    int r = gs_authority_check(plan, err);
    if (r != 0) {
        return r;
    }
    read_bundle(&authority->bundle, plan->now_s, &parts, &dropped);
    parts.ca_key = read_key(&authority->ca_key);
    parts.cert = read_cert(&authority->cert);
    parts.key = read_key(&authority->key);
    r = renew(&parts, plan, &why, err);
    if (r != 0 || (why == NULL && !dropped)) {
        *ret_changed = false;
        return r;
    }
    gs_authority_init(&made);
    r = write_parts(&parts, &made, err);
    if (r != 0) {
        gs_authority_done(&made);
        return r;
    }
    gs_authority_done(authority);
    *authority = made;
    *ret_changed = true;
    *ret_why = why == NULL ? "a CA that has ended was dropped" : why;
    return 0;
}

uint64_t gs_authority_ends_s(const struct gs_authority *authority)
{
    GS_CLEANUP(drop_cert) gnutls_x509_crt_t cert = read_cert(&authority->cert);
    return cert == NULL ? 0 : (uint64_t)gnutls_x509_crt_get_expiration_time(cert);
}
