/* trust: the CA that gpuslice-history's certificate is of, as it has written it into a ConfigMap of
 * our namespace. It is made anew whenever that program starts. Belongs to the loop.
 * docs/internals/history.md. */
#pragma once

#include "base/err.h"
#include "base/view.h"

struct gs_kube;
struct gs_trust;

#define GS_TRUST_CONFIGMAP "gpuslice-history-ca"

/* `err` NULL: it was read; else why not. */
typedef void gs_trust_fn(void *ctx, const struct gs_err *err);

/* GS_NO_MEMORY. */
int gs_trust_new(struct gs_kube *kube, const char *name_space, gs_trust_fn *done, void *ctx,
                 struct gs_trust **ret, struct gs_err *err);
/* NULL is fine. */
void gs_trust_free(struct gs_trust *trust);

/* PEM, until it is looked for again; empty: not read yet. */
struct gs_view gs_trust_ca(const struct gs_trust *trust);

/* Reads it anew: `done` comes from the loop, once, however often this was called meanwhile. Codes
 * of gs_kube_begin. */
int gs_trust_look(struct gs_trust *trust, struct gs_err *err);
