/* offering: what the kubelet is told of the GPUs, now. Belongs to the loop.
 *
 * The last snapshot as node/offer makes resources of it, and beside it what is known of single
 * slices: sick, about to go, granted. Everything that the kubelet, the API server and people are
 * told comes from here; whoever wants to know of changes is called once for each. */
#pragma once

#include "agent/box.h"
#include "agent/grants.h"
#include "agent/recut.h"
#include "node/allocate.h"
#include "node/capacity.h"
#include "node/health.h"
#include "node/prefer.h"

struct gs_offering;

struct gs_offering_options {
    const struct gs_agentconfig *config;
    unsigned control_nodes; /* as of struct gs_allocate */
    bool imex_channel_there;
};

int gs_offering_new(const struct gs_offering_options *options, struct gs_offering **ret,
                    struct gs_err *err);
void gs_offering_free(struct gs_offering *offering);

/* Takes over the reference. A device that is gone without having been retired stays in its list,
 * unhealthy, until gs_offering_held says that nobody holds it; one that cannot be kept leaves with
 * a warning. GS_NO_MEMORY, GS_LIMIT: the offer is as it was. */
int gs_offering_set(struct gs_offering *offering, struct gs_box *box, struct gs_err *err);

/* NULL before the first snapshot. The offer lives until the next gs_offering_set. */
const struct gs_box *gs_offering_box(const struct gs_offering *offering);
const struct gs_offer *gs_offering_offer(const struct gs_offering *offering);
const struct gs_offer_mark *gs_offering_marks(const struct gs_offering *offering, unsigned *ret_n);
const struct gs_health *gs_offering_health(const struct gs_offering *offering);

/* Whether something is not well; the first of it, for people, in `ret_text`. */
bool gs_offering_sick(const struct gs_offering *offering, char *ret_text, size_t size);

/* Every resource that is offered, or was since the start: for i = 0, 1, ... NULL: no more. The name
 * of its socket in *ret_socket. */
const char *gs_offering_resource(const struct gs_offering *offering, unsigned i,
                                 const char **ret_socket);

/* The list for ListAndWatch. */
int gs_offering_list(const struct gs_offering *offering, const char *resource,
                     struct gs_arena *arena, struct gs_dp_list *ret, struct gs_err *err);

/* Answers to Allocate and GetPreferredAllocation. What is granted is remembered. */
int gs_offering_allocate(struct gs_offering *offering, const char *resource,
                         const struct gs_dp_allocate *request, struct gs_arena *arena,
                         struct gs_dp_allocated *ret, struct gs_err *err);
int gs_offering_prefer(const struct gs_offering *offering, const char *resource,
                       const struct gs_dp_preferred *request, struct gs_arena *arena,
                       struct gs_dp_chosen *ret, struct gs_err *err);

/* ---- Re-cuts (agent/recut.h) ---- */

/* Ceilings for what is left when these are gone; leaving->left is written. */
int gs_offering_lower(struct gs_offering *offering, struct gs_recut_leaving *leaving,
                      struct gs_err *err);
/* Those that gs_offering_lower was told of are unhealthy from now on. */
void gs_offering_retire(struct gs_offering *offering);
/* No ceilings, and nothing retires. */
void gs_offering_restore(struct gs_offering *offering);
/* Ceilings of 0, so that the scheduler sends nobody: before the agent ends. */
void gs_offering_close(struct gs_offering *offering);
/* Whether a kubelet listens to the list of a resource. While none does the ceiling is 0: a kubelet
 * that starts fails every pod that comes before it has the list again. */
void gs_offering_heard(struct gs_offering *offering, const char *resource, bool heard);

/* ---- What is known of slices ---- */

struct gs_grants *gs_offering_grants(struct gs_offering *offering);
/* What the driver told, or wants done about a GPU. A failure to keep it is a failure of memory. */
int gs_offering_event(struct gs_offering *offering, const struct gs_gpu_event *event,
                      struct gs_err *err);
int gs_offering_recovery(struct gs_offering *offering, unsigned gpu, uint32_t action,
                         struct gs_err *err);
/* Health that comes back with time; *ret_next_us as gs_health_tick. */
void gs_offering_tick(struct gs_offering *offering, uint64_t now_us, uint64_t *ret_next_us);
/* Who holds what, as was found out: devices that are not in the snapshot and that somebody holds
 * stay in their lists, the others leave. `held`: one entry a slice of snapshot `number`. */
void gs_offering_held(struct gs_offering *offering, uint64_t number,
                      const struct gs_holding *holding);
/* Whether devices stand in lists only as somebody may hold them. */
bool gs_offering_has_gone(const struct gs_offering *offering);

/* One row a resource: what is listed, healthy, and the ceiling. */
int gs_offering_rows(const struct gs_offering *offering, struct gs_arena *arena,
                     struct gs_capacity_row **ret, unsigned *ret_n, struct gs_err *err);
