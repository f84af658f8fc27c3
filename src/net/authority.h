/* authority: our own CA and the certificate that a server of ours shows: made, looked through,
 * renewed.
 *
 * Everything is PEM and P-256. No I/O; the time is given. With L the life of a certificate the CA
 * lives 4 L, each is renewed at two thirds of its life, and a new CA signs nothing before the API
 * server has had time to believe it. The old one stays in the bundle until it ends, which is after
 * the end of the last certificate that it has signed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum {
    GS_AUTHORITY_NAMES_MAX = 16,
    GS_AUTHORITY_NAME_MAX = 253,
    GS_AUTHORITY_PEM_MAX = 64 << 10, /* of each part */
    GS_AUTHORITY_LIFE_MIN_S = 10
};

struct gs_authority {
    struct gs_buf bundle; /* CAs that are to be believed, the newest first */
    struct gs_buf ca_key; /* of the newest */
    struct gs_buf cert;   /* what is shown */
    struct gs_buf key;
};

struct gs_authority_plan {
    uint64_t now_s;           /* since the epoch */
    uint64_t life_s;          /* L */
    const char *const *names; /* DNS names and addresses that the certificate has to have */
    size_t n_names;
    bool believed; /* the API server has the bundle as it is */
};

void gs_authority_init(struct gs_authority *authority);
/* Keys are wiped. */
void gs_authority_done(struct gs_authority *authority);

/* 0: the names and the life are ones that certificates can have. GS_INVALID, GS_LIMIT. */
int gs_authority_check(const struct gs_authority_plan *plan, struct gs_err *err);

/* Makes of it what it has to be now. What cannot be read counts as not there. *ret_changed: it is
 * another one, to be kept; *ret_why then says what was done. Unchanged on failure: GS_INVALID (a
 * name that is none), GS_LIMIT, GS_NO_MEMORY, GS_IO (GnuTLS). */
int gs_authority_renew(struct gs_authority *authority, const struct gs_authority_plan *plan,
                       bool *ret_changed, const char **ret_why, struct gs_err *err);

/* When the certificate ends, since the epoch; 0: there is none that can be read. */
uint64_t gs_authority_ends_s(const struct gs_authority *authority);
