/* awake: when a kubelet that has started has seen the pods of its node.
 *
 * Until then it counts the devices of pods in its record that are long gone, and fails those who
 * come: "requested number of devices unavailable". Its pod-resources are empty so long. There is a
 * pod on nearly every node, the agent's own; where there is none the wait has an end. Belongs to
 * the loop. */
#pragma once

#include <systemd/sd-event.h>

#include "base/err.h"

struct gs_awake;

/* `done` is called once, never from inside this function. GS_NO_MEMORY, GS_IO: not at all. */
int gs_awake_begin(sd_event *event, const char *pod_resources_socket, void (*done)(void *ctx),
                   void *ctx, struct gs_awake **ret, struct gs_err *err);

/* Also before it is done. NULL is fine. */
void gs_awake_free(struct gs_awake *awake);
