#include "unit/net/certs.h"

#include <arpa/inet.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DAY_S = 24 * 3600 };

static void must(int r, const char *what)
{
    if (r < 0) {
        fprintf(stderr, "making a certificate: %s: %s\n", what, gnutls_strerror(r));
        exit(99);
    }
}
#define MUST(call) must((call), #call)

static void put_names(gnutls_x509_crt_t crt, const struct cert_plan *plan)
{
    MUST(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, plan->name,
                                       (unsigned)strlen(plan->name)));
    if (plan->organization != NULL) {
        MUST(gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_ORGANIZATION_NAME, 0,
                                           plan->organization,
                                           (unsigned)strlen(plan->organization)));
    }
    if (plan->dns != NULL) {
        MUST(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, plan->dns,
                                                  (unsigned)strlen(plan->dns), GNUTLS_FSAN_APPEND));
    }
    unsigned char ip[4];
    if (plan->address != NULL && inet_pton(AF_INET, plan->address, ip) == 1) {
        MUST(gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, ip, sizeof(ip),
                                                  GNUTLS_FSAN_APPEND));
    }
}

static void put_rest(gnutls_x509_crt_t crt, const struct cert_plan *plan)
{
    static unsigned char serial[4] = {1, 0, 0, 0};
    time_t now = time(NULL);
    time_t end = now + (time_t)plan->days * DAY_S;
    serial[3]++;
    MUST(gnutls_x509_crt_set_version(crt, 3));
    MUST(gnutls_x509_crt_set_serial(crt, serial, sizeof(serial)));
    MUST(gnutls_x509_crt_set_activation_time(crt, (end < now ? end : now) - DAY_S));
    MUST(gnutls_x509_crt_set_expiration_time(crt, end));
    MUST(gnutls_x509_crt_set_basic_constraints(crt, plan->by == NULL, -1));
    if (plan->by == NULL) {
        MUST(gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_KEY_CERT_SIGN));
    } else {
        MUST(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0));
        MUST(gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_CLIENT, 0));
    }
}

static void sign(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const struct cert *by)
{
    gnutls_x509_crt_t ca;
    gnutls_x509_privkey_t ca_key;
    if (by == NULL) {
        MUST(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0));
        return;
    }
    gnutls_datum_t pem = {.data = (unsigned char *)strdup(by->pem),
                          .size = (unsigned)strlen(by->pem)};
    gnutls_datum_t key_pem = {.data = (unsigned char *)strdup(by->key),
                              .size = (unsigned)strlen(by->key)};
    MUST(gnutls_x509_crt_init(&ca));
    MUST(gnutls_x509_privkey_init(&ca_key));
    MUST(gnutls_x509_crt_import(ca, &pem, GNUTLS_X509_FMT_PEM));
    MUST(gnutls_x509_privkey_import(ca_key, &key_pem, GNUTLS_X509_FMT_PEM));
    MUST(gnutls_x509_crt_sign2(crt, ca, ca_key, GNUTLS_DIG_SHA256, 0));
    gnutls_x509_crt_deinit(ca);
    gnutls_x509_privkey_deinit(ca_key);
    free(pem.data);
    free(key_pem.data);
}

void cert_make(const struct cert_plan *plan, struct cert *ret)
{
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
    MUST(gnutls_x509_crt_init(&crt));
    MUST(gnutls_x509_privkey_init(&key));
    MUST(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                      GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    put_names(crt, plan);
    put_rest(crt, plan);
    MUST(gnutls_x509_crt_set_key(crt, key));
    sign(crt, key, plan->by);
    size_t n = sizeof(ret->pem) - 1;
    size_t n_key = sizeof(ret->key) - 1;
    memset(ret, 0, sizeof(*ret));
    MUST(gnutls_x509_crt_export(crt, GNUTLS_X509_FMT_PEM, ret->pem, &n));
    MUST(gnutls_x509_privkey_export(key, GNUTLS_X509_FMT_PEM, ret->key, &n_key));
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}
