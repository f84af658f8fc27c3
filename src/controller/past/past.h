/* past: what was, asked of gpuslice-history, or of a Prometheus in its place. Belongs to the loop.
 * docs/internals/history.md. */
#pragma once

#include <systemd/sd-event.h>

#include "dashboard/dashboard.h"

struct gs_kube;
struct gs_past;

#define GS_PAST_TOKEN_FILE "/var/run/secrets/gpuslice-history/token"

struct gs_past_options {
    sd_event *event;
    struct gs_kube *kube;
    const char *name_space; /* ours, whose ConfigMap has the history's CA */
    const char *history;    /* "https://gpuslice-history.gpuslice-system.svc:9744"; "": none */
    const char *token_file; /* what we show it; read again each time */
    const char *ca_file;    /* whom it has to be signed by; "": as the ConfigMap says */
    const char *prometheus; /* "http://prometheus:9090"; "": none */
};

/* GS_INVALID: both are given, or an address that is none; GS_NO_MEMORY, GS_IO. */
int gs_past_new(const struct gs_past_options *options, struct gs_past **ret, struct gs_err *err);

/* Nobody may wait any more. NULL is fine. */
void gs_past_free(struct gs_past *past);

/* As struct gs_dashboard_options wants them; `ctx` is the gs_past. */
void gs_past_ask(void *ctx, struct gs_dashboard_past *question);
void gs_past_forget(void *ctx, struct gs_dashboard_past *question);
