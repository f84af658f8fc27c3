/* certs: certificates for tests, made when they are needed.
 *
 * Keys are P-256. Everything lives in one struct as PEM; nothing touches the disk. */
#pragma once

#include "base/view.h"

enum { CERT_PEM_MAX = 4096 };

struct cert {
    char pem[CERT_PEM_MAX]; /* the certificate */
    char key[CERT_PEM_MAX];
};

/* What to make. */
struct cert_plan {
    const char *name;         /* CN */
    const char *organization; /* O, or NULL: a Kubernetes group */
    const char *address;      /* IP of the subject's alternative names, or NULL */
    const char *dns;          /* name of them, or NULL */
    int days;                 /* valid from now on; negative: it ended so long ago */
    const struct cert *by;    /* who signs; NULL: itself, and it is a CA */
};

/* Ends the test program where it fails. */
void cert_make(const struct cert_plan *plan, struct cert *ret);

static inline struct gs_view cert_pem(const struct cert *cert)
{
    return gs_view(cert->pem);
}

static inline struct gs_view cert_key(const struct cert *cert)
{
    return gs_view(cert->key);
}
