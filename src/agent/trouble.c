#include "agent/trouble.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "wire/promtext.h"

const char *gs_trouble_name(enum gs_trouble trouble)
{
    static const char *const names[GS_TROUBLES] = {
        [GS_TROUBLE_DRIVER] = "Driver", [GS_TROUBLE_LAYOUT] = "Layout",
        [GS_TROUBLE_OFFER] = "Offer",   [GS_TROUBLE_KUBELET] = "Kubelet",
        [GS_TROUBLE_CDI] = "CDI",       [GS_TROUBLE_API] = "API",
        [GS_TROUBLE_LABELS] = "Labels", [GS_TROUBLE_HEALTH] = "Health",
        [GS_TROUBLE_CONFIG] = "Config", [GS_TROUBLE_GPUNODE] = "GpuNode",
    };
    return names[trouble];
}

bool gs_trouble_is_minor(enum gs_trouble trouble)
{
    switch (trouble) {
    case GS_TROUBLE_DRIVER:
    case GS_TROUBLE_KUBELET:
    case GS_TROUBLE_CDI:
        return false;
    case GS_TROUBLE_LAYOUT: /* what is there is served */
    case GS_TROUBLE_OFFER:
    case GS_TROUBLE_API:
    case GS_TROUBLE_LABELS:
    case GS_TROUBLE_HEALTH:
    case GS_TROUBLE_CONFIG:
    case GS_TROUBLE_GPUNODE:
    case GS_TROUBLES:
        return true;
    }
    return true;
}

void gs_trouble_bad(struct gs_troubles *troubles, enum gs_trouble trouble, const char *reason,
                    const char *text)
{
    __typeof__(&troubles->at[0]) at = &troubles->at[trouble];
    if (at->bad && strcmp(at->reason, reason) == 0 && strcmp(at->text, text) == 0) {
        return;
    }
    if (!at->bad) {
        at->since_s = (uint64_t)time(NULL);
    }
    at->bad = true;
    snprintf(at->reason, sizeof(at->reason), "%s", reason);
    snprintf(at->text, sizeof(at->text), "%s", text);
    gs_log_warning("%s: %s: %s", gs_trouble_name(trouble), reason, text);
}

void gs_trouble_good(struct gs_troubles *troubles, enum gs_trouble trouble)
{
    __typeof__(&troubles->at[0]) at = &troubles->at[trouble];
    if (at->bad) {
        gs_log_info("%s: well again (was %s)", gs_trouble_name(trouble), at->reason);
        *at = (__typeof__(*at)){.since_s = (uint64_t)time(NULL)};
    }
}

void gs_trouble_metrics(const struct gs_troubles *troubles, struct gs_buf *out)
{
    struct gs_promtext prom;
    gs_promtext_init(&prom, out);
    gs_promtext_family(&prom, "gpuslice_agent_trouble", GS_PROM_GAUGE,
                       "1 while this part of the agent's work is not as it should be");
    for (unsigned i = 0; i < GS_TROUBLES; i++) {
        const struct gs_promtext_label labels[] = {
            {"part", gs_trouble_name(i)},
            {"reason", troubles->at[i].reason},
        };
        gs_promtext_u64(&prom, "", labels, troubles->at[i].bad ? 2 : 1, troubles->at[i].bad);
    }
}
