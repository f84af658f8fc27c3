#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "partition/apply_work.h"
#include "partition/line.h"

static enum gs_mig_mode wanted_mode(const struct gs_apply_gpu *gpu)
{
    return gpu->mig ? GS_MIG_ON : GS_MIG_OFF;
}

static bool differs(const struct gs_apply_gpu *gpu)
{
    return gpu->wanted && gpu->now->facts.mode != GS_MIG_NOT_CAPABLE &&
           (gpu->now->facts.mode != wanted_mode(gpu) ||
            gpu->now->facts.pending != wanted_mode(gpu));
}

static const char *mode_name(enum gs_mig_mode mode)
{
    return mode == GS_MIG_ON ? "on" : "off";
}

/* Who is on the GPU, whatever slice. */
static int fail_held(const struct gs_inventory_gpu *gpu, const char *what, struct gs_err *err)
{
    if (gpu->holders_unknown) {
        return gs_fail(err, GS_BUSY,
                       "GPU %u: %s only while it is idle, and its processes cannot "
                       "be read",
                       gpu->gpu, what);
    }
    char who[GS_INVENTORY_TEXT_MAX + 1];
    gs_inventory_name_holders(gpu, UINT32_MAX, who);
    if (who[0] == '\0' && gpu->n_holders > 0) {
        gs_inventory_name_holder(&gpu->holders[0], who);
    }
    return gs_fail(err, GS_BUSY, "GPU %u: %s only while it is idle; held: %s%s", gpu->gpu, what,
                   who, gpu->n_processes > 1 ? ", and others" : "");
}

/* What has to go before the mode can change. GS_BUSY: somebody is on the GPU. */
static int plan_clear(const struct gs_apply_work *work, struct gs_apply_gpu *gpu,
                      struct gs_err *err)
{
    struct gs_inventory_gpu *now = gpu->now;
    struct gs_geometry_blockers blockers;
    *gpu->change = (struct gs_change){.n = 0};
    if (now->facts.mode == wanted_mode(gpu)) {
        return 0; /* only what is pending is called off */
    }
    if (now->facts.mode == GS_MIG_ON) {
        int r = gs_change_clear(gs_inventory_model(now), &now->instances, &now->busy, gpu->change,
                                &blockers, err);
        if (r < 0) {
            return gs_apply_blocked(now, &blockers, r, err);
        }
    }
    /* where its processes cannot be read (driver 450), the driver itself refuses under one */
    bool held = now->held && !now->holders_unknown;
    gpu->waits = held && work->options->skip_reset;
    return held && !gpu->waits ? fail_held(now, "its MIG mode changes", err) : 0;
}

/* Plans all, and touches none when one is blocked. only_idle: leaves that one. */
static int plan_all(struct gs_apply_work *work, bool which[GS_GPUS_MAX], unsigned *ret_steps,
                    struct gs_err *err)
{
    *ret_steps = 0;
    for (unsigned k = 0; k < work->n; k++) {
        which[k] = differs(&work->at[k]);
        if (!which[k]) {
            continue;
        }
        int r = plan_clear(work, &work->at[k], err);
        if (r == GS_BUSY && work->options->only_idle) {
            gs_apply_leave(work, k, err);
            which[k] = false;
        } else if (r < 0) {
            return r;
        } else {
            *ret_steps += work->at[k].change->n + 2;
        }
    }
    return 0;
}

int gs_apply_mode_check(struct gs_apply_work *work, struct gs_err *err)
{
    bool which[GS_GPUS_MAX];
    unsigned steps;
    return plan_all(work, which, &steps, err);
}

/* Where a reset may be needed and is skipped, the driver alone knows. */
static void plan_mode(const struct gs_apply_work *work, const struct gs_apply_gpu *gpu)
{
    const struct gs_gpu *facts = &gpu->now->facts;
    struct gs_planned planned = {
        .kind = GS_PLANNED_MODE, .gpu = gpu->now->gpu, .mode = wanted_mode(gpu)};
    if (gpu->waits) {
        planned.kind = GS_PLANNED_PENDING;
    } else if (facts->mode != planned.mode && facts->mode_change_needs_reset &&
               work->options->skip_reset) {
        planned.kind = GS_PLANNED_UNKNOWN;
        planned.why = "its MIG mode may wait for a reset, which is skipped";
    }
    gs_apply_plan_next(work->options, planned);
}

static void say_dry(const struct gs_apply_work *work, const struct gs_apply_gpu *gpu, unsigned k)
{
    bool resets =
        gpu->now->facts.mode != wanted_mode(gpu) && gpu->now->facts.mode_change_needs_reset;
    gs_apply_say_steps(work->options, gpu->now, gpu->change);
    gs_say(&work->options->detail, "GPU %u: turn MIG %s%s", k, mode_name(wanted_mode(gpu)),
           gpu->waits ? " (it waits for a reset, which is skipped)"
           : resets   ? " (a reset may be needed)"
                      : "");
    plan_mode(work, gpu);
}

/* Clears one GPU and asks for the mode. */
static int change_mode(struct gs_perform *perform, struct gs_apply_gpu *gpu, unsigned k,
                       struct gs_err *err)
{
    unsigned done = 0;
    int r = gs_perform(perform, gpu->now, gpu->change, &done, err);
    gpu->touched = gpu->touched || done > 0;
    if (r < 0) {
        return r;
    }
    enum gs_mig_mode mode = wanted_mode(gpu);
    r = gs_perform_announce(perform, gpu->now,
                            mode == GS_MIG_ON ? GS_JOURNAL_MODE_ON : GS_JOURNAL_MODE_OFF, err);
    if (r < 0) {
        return r;
    }
    gs_say(&perform->detail, "GPU %u: turn MIG %s", k, mode_name(mode));
    enum gs_mig_activation activation = GS_MIG_ACTIVE;
    r = gs_gpu_set_mode(perform->gpus, k, mode, &activation, err);
    if (r < 0) {
        struct gs_gpu now;
        if (gs_gpu_get(perform->gpus, k, &now, NULL) == 0) {
            gpu->touched = gpu->touched || now.mode != gpu->now->facts.mode ||
                           now.pending != gpu->now->facts.pending;
            gpu->now->facts = now;
        }
        gs_perform_explain(err);
        return r;
    }
    gpu->touched = true;
    /* the minor number and the UUID may be others now */
    r = gs_gpu_get(perform->gpus, k, &gpu->now->facts, err);
    return r < 0 ? r : gs_inventory_refresh(perform->gpus, gpu->now, err);
}

/* Which GPUs wait for a reset. GS_BUSY: one of them is not wholly idle. */
static int list_resets(struct gs_apply_work *work, const bool *which, unsigned *ret_list,
                       unsigned *ret_n, struct gs_err *err)
{
    *ret_n = 0;
    for (unsigned k = 0; k < work->n; k++) {
        struct gs_inventory_gpu *now = work->at[k].now;
        if (!which[k] || now->facts.mode == wanted_mode(&work->at[k])) {
            continue;
        }
        int r = 0;
        if (work->options->skip_reset) {
            gs_say(&work->options->note, "GPU %u: MIG %s waits for a reset, which is skipped", k,
                   mode_name(wanted_mode(&work->at[k])));
            continue;
        }
        if ((now->held && !now->holders_unknown) || now->instances.n > 0) {
            r = fail_held(now, "it is reset", err);
        }
        if (r == GS_BUSY && work->options->only_idle) {
            gs_apply_leave(work, k, err);
        } else if (r < 0) {
            return r;
        } else {
            ret_list[(*ret_n)++] = k;
        }
    }
    return 0;
}

/* The cause first: nvidia-smi's words name only what they could not do. */
static int fail_reset(int r, struct gs_err *err)
{
    if (err == NULL || r != GS_UNSUPPORTED) {
        return gs_wrap(err, r, "resetting");
    }
    const struct gs_err said = *err;
    size_t n = strlen(said.msg);
    while (n > 0 && (said.msg[n - 1] == ' ' || said.msg[n - 1] == '\n')) {
        n--;
    }
    return gs_fail(
        err, GS_UNSUPPORTED,
        "the MIG mode is set and waits for a reset, which is not possible here, as where "
        "GPUs are passed through to a VM: reboot the VM, then run this again (%.*s)",
        (int)n, said.msg);
}

/* Of the GPUs that were reset, those that still wait. */
static int fail_pending(const struct gs_apply_work *work, const unsigned *list, unsigned n,
                        struct gs_err *err)
{
    char which[GS_GPUS_MAX * 4 + 1] = "";
    struct gs_line text = {.p = which, .size = sizeof(which)};
    for (unsigned i = 0; i < n; i++) {
        if (work->at[list[i]].now->facts.mode != wanted_mode(&work->at[list[i]])) {
            gs_line_put(&text, "%s%u", which[0] == '\0' ? "" : ",", list[i]);
        }
    }
    return which[0] == '\0'
               ? 0
               : gs_fail(err, GS_BUSY,
                         "GPU %s: the MIG mode is still pending after a reset, as where GPUs are "
                         "passed through to a VM: reboot the VM, then run this again",
                         which);
}

static int check_after_reset(struct gs_apply_work *work, const unsigned *list, unsigned n,
                             struct gs_err *err)
{
    for (unsigned i = 0; i < n; i++) {
        struct gs_apply_gpu *gpu = &work->at[list[i]];
        int r = gs_inventory_read(work->gpus, list[i], true, work->tables, gpu->now, err);
        if (r < 0) {
            return gs_wrap(err, r, "after the reset");
        }
    }
    return fail_pending(work, list, n, err);
}

static int reset(struct gs_apply_work *work, struct gs_perform *perform, const bool *which,
                 struct gs_err *err)
{
    unsigned list[GS_GPUS_MAX];
    unsigned n;
    int r = list_resets(work, which, list, &n, err);
    if (r < 0 || n == 0) {
        return r;
    }
    for (unsigned i = 0; i < n && r == 0; i++) {
        gs_say(&perform->detail, "GPU %u: reset", list[i]);
        r = gs_perform_announce(perform, work->at[list[i]].now, GS_JOURNAL_RESET, err);
    }
    if (r == 0) {
        r = gs_gpu_reset(work->gpus, list, n, err);
        r = r < 0 ? fail_reset(r, err) : check_after_reset(work, list, n, err);
    }
    return r;
}

static int change_all(struct gs_apply_work *work, const bool *which, unsigned steps,
                      struct gs_err *err)
{
    struct gs_journal journal;
    struct gs_perform perform;
    int r = gs_apply_begin(work, steps, &journal, &perform, err);
    if (r < 0) {
        return r;
    }
    for (unsigned k = 0; k < work->n && r == 0; k++) {
        r = which[k] ? change_mode(&perform, &work->at[k], k, err) : 0;
    }
    r = r < 0 ? r : reset(work, &perform, which, err);
    int closed = gs_journal_close(&journal, r < 0 ? NULL : err);
    if (r == 0 && work->options->mode_only == false) {
        /* profiles that were hidden while MIG was off (driver 535) */
        r = gs_apply_read(work, err);
    }
    return r < 0 ? r : closed;
}

/* Nothing at all is touched where the configuration of any GPU is blocked; where a hook may still
 * free it, that is seen later. */
static int foresee(struct gs_apply_work *work, struct gs_err *err)
{
    if (work->options->mode_only || work->options->only_idle ||
        gs_hooks_has(work->options->hooks, GS_MIGHOOK_PRE_APPLY_CONFIG)) {
        return 0;
    }
    return gs_apply_plan(work, false, err);
}

int gs_apply_mode(struct gs_apply_work *work, struct gs_err *err)
{
    bool which[GS_GPUS_MAX];
    bool any = false;
    for (unsigned k = 0; k < work->n; k++) {
        any = any || differs(&work->at[k]);
    }
    if (!any) {
        return 0;
    }
    int r = gs_apply_stopped(work, err);
    if (r == 0 && !work->options->dry_run &&
        gs_hooks_has(work->options->hooks, GS_MIGHOOK_PRE_APPLY_MODE)) {
        r = gs_hooks_run(work->options->hooks, GS_MIGHOOK_PRE_APPLY_MODE, err);
        r = r < 0 ? r : gs_apply_read(work, err);
    }
    unsigned steps;
    if (r < 0 || (r = foresee(work, err)) < 0 || (r = plan_all(work, which, &steps, err)) < 0) {
        return r;
    }
    if (!work->options->dry_run) {
        return change_all(work, which, steps, err);
    }
    for (unsigned k = 0; k < work->n; k++) {
        if (which[k]) {
            say_dry(work, &work->at[k], k);
        }
    }
    return 0;
}
