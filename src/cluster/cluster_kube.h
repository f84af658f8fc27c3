/* cluster_kube: the cluster behind a Kubernetes API server. */
#pragma once

#include <systemd/sd-event.h>

#include "cluster/cluster.h"

struct gs_cluster_kube_options {
    sd_event *event;
    const char *kubeconfig;      /* a file; NULL: as a pod, from its service account */
    const char *context;         /* of the kubeconfig; NULL: its current one */
    const char *service_account; /* a pod's folder, with its token and ca.crt; NULL: where the
                                    kubelet puts it */
    const char *user_agent;      /* "gpuslice-agent/0.1.0" */
};

/* Reads who and where; speaks to nobody yet. A pod's is KUBERNETES_SERVICE_HOST and _PORT and
 * /var/run/secrets/kubernetes.io/serviceaccount. The errors name the file and the field.
 * GS_INVALID, GS_NOT_FOUND (no such file, context, or not in a pod), GS_IO, GS_NO_MEMORY. */
int gs_cluster_kube_open(const struct gs_cluster_kube_options *options, struct gs_cluster *ret,
                         struct gs_err *err);

/* For requests that the port does not have (kube.h); it is the cluster's. NULL: a cluster that is
 * not behind an API server. */
struct gs_kube *gs_cluster_kube_of(const struct gs_cluster *cluster);
