/* kube_namespace: the namespace that a program of ours runs in. */
#pragma once

#include <stddef.h>

/* The one that is given; NULL: that of the pod we are, by its service account, and gpuslice-system
 * outside of one. Cut at `size`. */
void gs_kube_own_namespace(const char *given, char *ret, size_t size);
