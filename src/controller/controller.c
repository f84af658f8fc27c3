#include "controller/controller.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "cluster/kube_namespace.h"
#include "controller/pools/supply.h"
#include "controller/tally/cloudwatch.h"
#include "controller/tally/turns.h"
#include "money/money.h"
#include "picture/claims.h"
#include "picture/feed.h"

#define SOON_US 3000ull         /* what comes within it is decided together */
#define AT_LEAST_US 30000000ull /* a pass though nothing has changed */
#define ACCURACY_US 500ull

static uint64_t now_on(const struct gs_controller *controller, clockid_t clock)
{
    uint64_t at = 0;
    (void)sd_event_now(controller->event, clock, &at);
    return at;
}

bool gs_controller_is_ready(const struct gs_controller *controller)
{
    return controller->feed != NULL && gs_feed_is_whole(controller->feed) &&
           gs_pools_are_settled(controller->pools);
}

/* ---- passes ---- */

static void pass_at(struct gs_controller *controller, uint64_t at_us)
{
    if (at_us < controller->due_us) {
        controller->due_us = at_us;
        (void)sd_event_source_set_time(controller->due, at_us);
        (void)sd_event_source_set_enabled(controller->due, SD_EVENT_ONESHOT);
    }
}

void gs_controller_wake(struct gs_controller *controller)
{
    pass_at(controller, now_on(controller, CLOCK_MONOTONIC) + SOON_US);
}

static void on_changed(void *ctx)
{
    gs_controller_wake(ctx);
}

static void on_moved(void *ctx, const struct gs_act_moved *answer)
{
    const struct gs_controller *controller = ctx;
    gs_pass_moved(controller->pass, answer);
}

static bool look_at_volumes(void *ctx, struct gs_store_pod *pod, uint64_t now_us)
{
    const struct gs_controller *controller = ctx;
    return gs_claims_look(controller->claims, pod, now_us);
}

static int on_due(sd_event_source *source, uint64_t usec, void *ctx)
{
    struct gs_controller *controller = ctx;
    struct gs_err err = {.code = GS_OK};
    uint64_t now = now_on(controller, CLOCK_MONOTONIC);
    uint64_t again = UINT64_MAX;
    (void)source;
    (void)usec;
    controller->due_us = UINT64_MAX;
    if (gs_lease_leads(controller->lease) && gs_controller_is_ready(controller)) {
        int r =
            gs_pass_run(controller->pass, now, now_on(controller, CLOCK_REALTIME), &again, &err);
        if (r != 0) {
            gs_log_error("decisions: %s", err.msg);
        }
    }
    pass_at(controller,
            again < now + AT_LEAST_US ? (again > now ? again : now + SOON_US) : now + AT_LEAST_US);
    return 0;
}

static void on_leads(void *ctx, bool leads)
{
    struct gs_controller *controller = ctx;
    gs_leader_set(controller->leader, leads);
    if (leads) {
        gs_controller_wake(controller);
    }
}

/* ---- all ---- */

static int open_lease(struct gs_controller *controller, struct gs_err *err)
{
    const struct gs_controller_options *options = controller->options;
    char host[200] = "";
    (void)gethostname(host, sizeof(host) - 1);
    const char *us = options->identity != NULL ? options->identity : host;
    const struct gs_lease_options lease = {
        .kube = controller->kube,
        .name_space = controller->name_space,
        .name = options->lease,
        .holder = us,
        .duration_s = (uint32_t)options->lease_s,
        .leads = on_leads,
        .ctx = controller,
    };
    int r = gs_leader_new(controller->kube, controller->name_space, us, &controller->leader, err);
    return r == 0 ? gs_lease_new(&lease, &controller->lease, err) : r;
}

/* Gates are put on only while somebody lifts them. */
static bool gates(void *ctx)
{
    const struct gs_controller *controller = ctx;
    return gs_lease_is_fresh(controller->lease);
}

/* As long as the nodes are not all known, there may be one. */
static enum gs_admit_supply supply(void *ctx, const struct gs_profile_name *profile)
{
    const struct gs_controller *controller = ctx;
    enum gs_admit_supply found = gs_supply_of(&controller->store, controller->pools, profile);
    return found == GS_ADMIT_SUPPLY_NO && !gs_controller_is_ready(controller)
               ? GS_ADMIT_SUPPLY_UNKNOWN
               : found;
}

static int open_webhook(struct gs_controller *controller, struct gs_err *err)
{
    const struct gs_controller_options *options = controller->options;
    const struct gs_webhook_options webhook = {
        .kube = controller->kube,
        .address = options->webhook,
        .name_space = controller->name_space,
        .secret = options->webhook_secret,
        .configuration = options->webhook_configuration,
        .names = options->webhook_names,
        .life_s = options->certificate_life_s,
        .supply = supply,
        .gates = gates,
        .ctx = controller,
    };
    return options->webhook[0] == '\0' ? 0 : gs_webhook_new(&webhook, &controller->webhook, err);
}

/* The decisions that it shows are made here. */
static bool decides(void *ctx)
{
    const struct gs_controller *controller = ctx;
    return gs_lease_leads(controller->lease);
}

/* ---- who is shown the same objects ---- */

static void on_listing(void *ctx, enum gs_store_kind kind)
{
    const struct gs_controller *controller = ctx;
    if (kind == GS_STORE_PODS) {
        gs_pools_begin_pods(controller->pools);
    }
    if (controller->shown_tap.listing != NULL) {
        controller->shown_tap.listing(controller->shown_tap.ctx, kind);
    }
}

static void on_listed(void *ctx, enum gs_store_kind kind)
{
    const struct gs_controller *controller = ctx;
    if (kind == GS_STORE_PODS) {
        gs_pools_end_pods(controller->pools);
    }
    if (controller->shown_tap.listed != NULL) {
        controller->shown_tap.listed(controller->shown_tap.ctx, kind);
    }
}

static void on_object(void *ctx, enum gs_store_kind kind, const struct json_t *object, bool gone)
{
    const struct gs_controller *controller = ctx;
    if (kind == GS_STORE_PODS) {
        gs_pools_see_pod(controller->pools, object, gone);
    }
    if (controller->shown_tap.object != NULL) {
        controller->shown_tap.object(controller->shown_tap.ctx, kind, object, gone);
    }
}

static int open_shown(struct gs_controller *controller, struct gs_err *err)
{
    const struct gs_controller_options *options = controller->options;
    const struct gs_shown_options shown = {
        .kube = controller->kube,
        .store = &controller->store,
        .address = options->dashboard,
        .names = options->dashboard_names,
        .name_space = controller->name_space,
        .region = options->region,
        .history = options->history,
        .history_token = options->history_token,
        .history_ca = options->history_ca,
        .prometheus = options->prometheus,
        .decides = decides,
        .ctx = controller,
    };
    return options->dashboard[0] == '\0' ? 0 : gs_shown_new(&shown, &controller->shown, err);
}

static int open_parts(struct gs_controller *controller, struct gs_err *err)
{
    const struct gs_controller_options *options = controller->options;
    const struct gs_kube_options kube = {
        .event = controller->event,
        .kubeconfig = options->kubeconfig,
        .context = options->context,
        .user_agent = "gpuslice-controller/" GS_VERSION,
    };
    int r = gs_kube_new(&kube, &controller->kube, err);
    const struct gs_act_options act = {.kube = controller->kube,
                                       .store = &controller->store,
                                       .instance =
                                           options->identity != NULL ? options->identity : "",
                                       .decides = decides,
                                       .again = on_changed,
                                       .moved = on_moved,
                                       .ctx = controller};
    r = r == 0 ? gs_act_new(&act, &controller->act, err) : r;
    const struct gs_pools_options pools = {.kube = controller->kube,
                                           .store = &controller->store,
                                           .region = options->region,
                                           .instance =
                                               options->identity != NULL ? options->identity : "",
                                           .name_space = controller->name_space,
                                           .changed = on_changed,
                                           .ctx = controller};
    r = r == 0 ? gs_pools_new(&pools, &controller->pools, err) : r;
    const struct gs_claims_options claims = {.kube = controller->kube,
                                             .store = &controller->store,
                                             .changed = on_changed,
                                             .ctx = controller};
    r = r == 0 ? gs_claims_new(&claims, &controller->claims, err) : r;
    const struct gs_pass_options pass = {
        .store = &controller->store,
        .act = controller->act,
        .volumes = {.look = look_at_volumes, .ctx = controller},
        .market = r == 0 ? gs_pools_market(controller->pools) : (struct gs_pass_market){0},
        .recut_limit_us = options->recut_limit_s * 1000000,
        .book_limit_us = options->book_limit_s * 1000000,
        .move_limit_us = options->move_limit_s * 1000000,
        .move_rest_us = options->move_rest_s * 1000000,
        .schedulers = options->schedulers,
        .moves_an_hour = (uint32_t)options->moves_an_hour,
    };
    r = r == 0 ? gs_pass_new(&pass, &controller->pass, err) : r;
    r = r == 0 ? open_lease(controller, err) : r;
    r = r == 0 ? open_webhook(controller, err) : r;
    r = r == 0 ? open_shown(controller, err) : r;
    controller->shown_tap = controller->shown == NULL ? (struct gs_feed_tap){.ctx = NULL}
                                                      : gs_shown_tap(controller->shown);
    const struct gs_feed_tap tap = {
        .listing = on_listing, .listed = on_listed, .object = on_object, .ctx = controller};
    const struct gs_feed_options feed = {.kube = controller->kube,
                                         .store = &controller->store,
                                         .changed = on_changed,
                                         .ctx = controller,
                                         .tap = &tap};
    return r == 0 ? gs_feed_new(&feed, &controller->feed, err) : r;
}

int gs_controller_start(struct gs_controller *controller,
                        const struct gs_controller_options *options, sd_event *event,
                        struct gs_err *err)
{
    *controller = (struct gs_controller){.event = event, .options = options, .due_us = UINT64_MAX};
    gs_store_init(&controller->store);
    gs_kube_own_namespace(options->name_space, controller->name_space,
                          sizeof(controller->name_space));
    int s = sd_event_add_time(event, &controller->due, CLOCK_MONOTONIC, 0, ACCURACY_US, on_due,
                              controller);
    int r = s < 0 ? gs_fail_errno(err, -s, "adding a timer") : 0;
    controller->money = gs_money_new();
    r = r == 0 && controller->money == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory for prices")
                                            : r;
    r = r == 0 ? gs_tally_rows_new(&controller->store, controller->money, options->region,
                                   &controller->rows, err)
               : r;
    r = r == 0 ? gs_tally_turns_new(event, controller->rows, &controller->turns, err) : r;
    r = r == 0 ? open_parts(controller, err) : r;
    r = r == 0 && options->emf_interval_s > 0
            ? gs_cloudwatch_new(controller, &controller->cloudwatch, err)
            : r;
    return r == 0 && options->http[0] != '\0' ? gs_controller_serve(controller, err) : r;
}

static void on_given_up(void *ctx)
{
    struct gs_controller *controller = ctx;
    (void)sd_event_exit(controller->event, 0);
}

void gs_controller_leave(struct gs_controller *controller)
{
    if (controller->leaving || controller->lease == NULL) {
        (void)sd_event_exit(controller->event, 0);
        return;
    }
    controller->leaving = true;
    gs_lease_give_up(controller->lease, on_given_up, controller);
}

void gs_controller_done(struct gs_controller *controller)
{
    gs_http_server_free(controller->http);
    gs_cloudwatch_free(controller->cloudwatch);
    gs_webhook_free(controller->webhook);
    gs_feed_free(controller->feed);
    gs_claims_free(controller->claims);
    gs_shown_free(controller->shown);
    gs_lease_free(controller->lease);
    gs_leader_free(controller->leader);
    gs_pass_free(controller->pass);
    gs_pools_free(controller->pools);
    gs_act_free(controller->act);
    gs_tally_turns_free(controller->turns);
    gs_tally_rows_free(controller->rows);
    gs_store_done(&controller->store);
    gs_money_free(controller->money);
    if (controller->kube != NULL) {
        gs_kube_free(controller->kube);
    }
    sd_event_source_disable_unref(controller->due);
}
