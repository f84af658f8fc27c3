/* kube_identity_work: what the files of kube_identity share. Of kube_identity*.c only. */
#pragma once

#include <sys/stat.h>

#include "base/arena.h"
#include "cluster/kube_identity.h"
#include "wire/kubeconfig.h"
#include "wire/kubeexec.h"

struct gs_kube_identity {
    struct gs_kube_identity_options options;
    struct gs_arena arena; /* the configuration */
    struct gs_kubeconfig config;
    const char *folder;         /* of the kubeconfig that has the user; "" for a pod */
    const char *cluster_folder; /* of the one that has the cluster */

    char *token; /* of the file */
    struct stat token_stat;
    bool token_known;

    struct gs_kube_exec *exec;
    struct gs_arena exec_arena; /* what it said last */
    struct gs_kubeexec_credential said;
    bool said_known;
    struct gs_err exec_err; /* why it failed last; code GS_OK: it did not */
    uint64_t exec_failed_us;
};

int gs_kube_identity_no_memory(struct gs_err *err);

/* The whole file, terminated, on the heap. GS_NOT_FOUND, GS_IO, GS_LIMIT: more than `max` bytes. */
int gs_kube_identity_read_file(const char *path, size_t max, char **ret, size_t *ret_n,
                               struct stat *ret_stat, struct gs_err *err);

/* kube_identity_load.c: who we are by the kubeconfigs of the options, or as a pod is told. */
int gs_kube_identity_load_kubeconfig(struct gs_kube_identity *identity, struct gs_err *err);
int gs_kube_identity_load_pod(struct gs_kube_identity *identity, struct gs_err *err);
