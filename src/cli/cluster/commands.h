/* commands: the commands of gpuslice that speak to a cluster. docs/internals/cluster-cli.md.
 *
 *     cluster/link.c       which cluster, requests, errors
 *     cluster/scene.c      the cluster as the controller sees it, read once; scene_settle.c
 *     cluster/case.c       what it would decide about a pod; cluster/case_help.c what would help
 *     cluster/status.c     gpuslice status: status_find.c what is wrong, status_text.c,
 * status_doc.c cluster/why.c        gpuslice why; why_text.c cluster/gates.c      our gate is taken
 * off pods cluster/ungate.c     gpuslice ungate cluster/leftovers.c  what else is ours, taken out
 * piece by piece cluster/uninstall.c  gpuslice uninstall cluster/text.c       what the texts share
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "cli/cluster/link.h"

/* A pod as a user names it: "NAMESPACE/POD", or "POD", which is in `space`; "pod/POD" as kubectl
 * prints it, too. *ret_name points into `word`. GS_INVALID: neither can be a pod's name. */
int gs_pod_word(const char *word, const char *space, char ret_space[GS_LINK_NAMESPACE_MAX],
                const char **ret_name, struct gs_err *err);

/* Whether the text is the name of an object, as paths may hold it. */
bool gs_is_object_name(const char *text);
