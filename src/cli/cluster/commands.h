/* commands: the commands of gpuslice that speak to a cluster. docs/internals/cluster-cli.md.
 *
 *     cluster/link.c       which cluster, requests, errors
 *     cluster/gates.c      our gate is taken off pods
 *     cluster/ungate.c     gpuslice ungate
 *     cluster/leftovers.c  what else is ours, taken out piece by piece
 *     cluster/uninstall.c  gpuslice uninstall */
#pragma once

#include "base/err.h"
#include "cli/cluster/link.h"

/* A pod as a user names it: "NAMESPACE/POD", or "POD", which is in `space`; "pod/POD" as kubectl
 * prints it, too. *ret_name points into `word`. GS_INVALID: neither can be a pod's name. */
int gs_pod_word(const char *word, const char *space, char ret_space[GS_LINK_NAMESPACE_MAX],
                const char **ret_name, struct gs_err *err);
