/* kubeexec: what a credential program says (ExecCredential of client.authentication.k8s.io).
 * Sans-I/O. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/view.h"
#include "wire/kubeconfig.h"

struct gs_kubeexec_credential {
    const char *token; /* "": none */
    struct gs_view cert;
    struct gs_view key;
    uint64_t expires_us; /* since 1970; UINT64_MAX: not told, valid as long as we run */
};

/* Reads what the program has printed. Everything lives in the arena. GS_INVALID: it is no
 * ExecCredential of `api_version`, or holds neither a token nor a certificate with its key;
 * GS_NO_MEMORY. */
int gs_kubeexec_parse(struct gs_view printed, const char *api_version, struct gs_arena *arena,
                      struct gs_kubeexec_credential *ret, struct gs_err *err);

/* The program's variable KUBERNETES_EXEC_INFO, with the cluster where it is to be told of it. */
int gs_kubeexec_write_info(const struct gs_kubeconfig *config, struct gs_buf *out,
                           struct gs_err *err);
