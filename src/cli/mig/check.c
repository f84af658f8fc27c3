#include "cli/mig/check.h"

#include <stdio.h>
#include <string.h>

#include "partition/layouts.h"
#include "wire/migcheckpoint.h"
#include "wire/migexport.h"

enum { DIFFERENCES_MAX = 460 /* bytes of an error that says what differs */ };

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the GPUs of this machine");
}

/* ---- assert ---- */

/* A GPU that is not as it should be ends the check. */
static int check_mode(const struct gs_mig_gpu *at, const struct gs_mig_wish *wish, bool debug,
                      struct gs_err *err)
{
    bool on = at->facts.mode == GS_MIG_ON;
    gs_mig_debug(debug, "GPU %u: MIG is %s, expected %s", at->facts.index,
                 at->facts.mode == GS_MIG_NOT_CAPABLE ? "not possible"
                 : on                                 ? "on"
                                                      : "off",
                 wish->mig_enabled ? "on" : "off");
    if (at->facts.mode == GS_MIG_NOT_CAPABLE && wish->mig_enabled) {
        return gs_fail(err, GS_INFEASIBLE, "GPU %u (%s) cannot be cut; expected it to have MIG on",
                       at->facts.index, at->facts.name);
    }
    if (on == wish->mig_enabled) {
        return 0;
    }
    bool pending = at->facts.pending == (wish->mig_enabled ? GS_MIG_ON : GS_MIG_OFF);
    return gs_fail(err, GS_INFEASIBLE, "GPU %u has MIG %s; expected %s%s", at->facts.index,
                   on ? "on" : "off", wish->mig_enabled ? "on" : "off",
                   pending ? " (set, but it waits for a reset of the GPU)" : "");
}

static int check_devices(struct gs_gpus *gpus, struct gs_arena *arena, struct gs_mig_gpu *at,
                         const struct gs_mig_wish *wish, bool debug, struct gs_mig_verdict *verdict)
{
    char found[200];
    char expected[200];
    struct gs_mig_wish *have = &verdict->have;
    int r = wish->mig_enabled ? gs_mig_read_devices(gpus, arena, at, have, &verdict->why) : 0;
    if (r < 0 || !wish->mig_enabled) {
        return r;
    }
    verdict->have_known = true;
    gs_mig_wish_format(have, found, sizeof(found));
    gs_mig_wish_format(wish, expected, sizeof(expected));
    gs_mig_debug(debug, "GPU %u: found %s, expected %s", at->facts.index, found, expected);
    return gs_mig_wish_met(wish, have)
               ? 0
               : gs_fail(&verdict->why, GS_INFEASIBLE, "GPU %u has %s; expected %s",
                         at->facts.index, found, expected);
}

/* What differs, of all GPUs, as one text. */
struct differences {
    unsigned n;
    unsigned n_more; /* for which there was no room */
    size_t used;
    char text[DIFFERENCES_MAX];
};

static void add_difference(struct differences *all, const char *text)
{
    size_t need = strlen(text) + strlen("; ");
    if (all->n > 0 && all->used + need >= sizeof(all->text)) {
        all->n_more++;
        return;
    }
    int n = snprintf(all->text + all->used, sizeof(all->text) - all->used, "%s%s",
                     all->n == 0 ? "" : "; ", text);
    all->used += n > 0 ? (size_t)n : 0;
    all->n++;
}

static int fail_differences(const struct differences *all, struct gs_err *err)
{
    if (all->n_more == 0) {
        return gs_fail(err, GS_INFEASIBLE, "%s", all->text);
    }
    return gs_fail(err, GS_INFEASIBLE, "%s; and %u GPUs more", all->text, all->n_more);
}

int gs_mig_sum_up(const struct gs_mig_verdicts *verdicts, struct gs_err *err)
{
    struct differences all = {.n = 0};
    for (unsigned i = 0; i < verdicts->n; i++) {
        if (verdicts->at[i].code < 0) {
            add_difference(&all, verdicts->at[i].why.msg);
        }
    }
    return all.n == 0 ? 0 : fail_differences(&all, err);
}

/* What can be compared is; a failure of the driver ends it. */
static int judge_all(struct gs_gpus *gpus, struct gs_arena *arena, struct gs_mig_gpu *at,
                     bool mode_only, bool debug, struct gs_mig_verdicts *all, struct gs_err *err)
{
    for (unsigned i = 0; i < all->n; i++) {
        const struct gs_mig_wish *wish = &all->wishes[i];
        struct gs_mig_verdict *verdict = &all->at[i];
        int r = wish->named ? check_mode(&at[i], wish, debug, &verdict->why) : 0;
        if (r == 0 && wish->named && !mode_only) {
            r = check_devices(gpus, arena, &at[i], wish, debug, verdict);
        }
        if (r < 0 && r != GS_INFEASIBLE) {
            if (err != NULL) {
                *err = verdict->why;
            }
            return r;
        }
        verdict->code = r;
    }
    return 0;
}

int gs_mig_judge(struct gs_gpus *gpus, struct gs_arena *arena,
                 const struct gs_migconfig_choice *choice, bool mode_only, bool debug,
                 struct gs_mig_verdicts *ret, struct gs_err *err)
{
    struct gs_mig_gpu *at = NULL;
    struct gs_migconfig_target *targets = NULL;
    unsigned n = 0;
    int r = gs_mig_survey_some(gpus, arena, &at, &n, err);
    if (r < 0 || (r = gs_mig_targets(at, n, arena, &targets, err)) < 0) {
        return r;
    }
    struct gs_mig_wish *wishes = GS_ARENA_NEW(arena, struct gs_mig_wish, n);
    struct gs_mig_verdict *verdicts = GS_ARENA_NEW(arena, struct gs_mig_verdict, n);
    if (wishes == NULL || verdicts == NULL) {
        return no_memory(err);
    }
    gs_mig_resolve(choice, targets, n, wishes);
    *ret = (struct gs_mig_verdicts){.n = n, .gpus = at, .wishes = wishes, .at = verdicts};
    r = gs_mig_check_read(at, wishes, n, err);
    return r < 0 ? r : judge_all(gpus, arena, at, mode_only, debug, ret, err);
}

int gs_mig_check(struct gs_gpus *gpus, struct gs_arena *arena,
                 const struct gs_migconfig_choice *choice, bool mode_only, bool debug,
                 struct gs_err *err)
{
    struct gs_mig_verdicts verdicts;
    int r = gs_mig_judge(gpus, arena, choice, mode_only, debug, &verdicts, err);
    return r < 0 ? r : gs_mig_sum_up(&verdicts, err);
}

/* ---- export ---- */

int gs_mig_export_text(struct gs_gpus *gpus, struct gs_arena *arena, const char *label,
                       enum gs_migwrite_form form, struct gs_buf *out, struct gs_err *err)
{
    struct gs_mig_gpu *at = NULL;
    unsigned n = 0;
    int r = gs_mig_survey(gpus, arena, &at, &n, err);
    if (r < 0) {
        return r;
    }
    struct gs_migexport_gpu *list = GS_ARENA_NEW(arena, struct gs_migexport_gpu, n);
    if (list == NULL) {
        return no_memory(err);
    }
    for (unsigned i = 0; r == 0 && i < n; i++) {
        list[i].pci_device_id = at[i].facts.pci_device_id;
        r = gs_mig_read_devices(gpus, arena, &at[i], &list[i].have, err);
    }
    struct gs_migwrite_choice choice;
    r = r < 0 ? r : gs_migexport(arena, label, list, n, &choice, err);
    return r < 0 ? r : gs_migwrite(arena, &choice, 1, form, out, err);
}

/* ---- generate-config ---- */

/* What one GPU offers. One that does not tell offers nothing: drivers of the 535 branch hide the
 * profiles while MIG is off. */
static int read_offer(struct gs_gpus *gpus, struct gs_arena *arena, const struct gs_gpu *gpu,
                      bool debug, struct gs_migbuild_gpu *ret, struct gs_err *err)
{
    struct gs_gpu_profile profiles[GS_GPU_PROFILES_MAX];
    unsigned n = 0;
    int r = gs_gpu_profiles(gpus, gpu->index, profiles, &n, err);
    if (r < 0 && r != GS_UNSUPPORTED) {
        return r;
    }
    n = r < 0 ? 0 : n;
    struct gs_migbuild_profile *offer = GS_ARENA_NEW(arena, struct gs_migbuild_profile, n);
    if (offer == NULL) {
        return no_memory(err);
    }
    *ret = (struct gs_migbuild_gpu){.pci_device_id = gpu->pci_device_id, .profiles = offer};
    for (unsigned i = 0; i < n; i++) {
        struct gs_migbuild_profile *profile = &offer[ret->n];
        r = gs_profile_name_parse(gs_view(profiles[i].name), &profile->name, err);
        if (r < 0) {
            return gs_wrap(err, r, "GPU %u, profile %u", gpu->index, profiles[i].profile);
        }
        profile->count = gs_layouts_count(gpu, &profile->name, profiles[i].max_instances,
                                          profiles[i].size, profiles[i].starts);
        gs_mig_debug(debug, "GPU %u: %u of %s", gpu->index, profile->count, profiles[i].name);
        ret->n += profile->count > 0 ? 1 : 0;
    }
    return 0;
}

int gs_mig_generate_text(struct gs_gpus *gpus, struct gs_arena *arena, enum gs_migwrite_form form,
                         bool debug, struct gs_buf *out, struct gs_err *err)
{
    struct gs_mig_gpu *at = NULL;
    unsigned n = 0;
    unsigned n_capable = 0;
    unsigned n_offers = 0;
    int r = gs_mig_survey(gpus, arena, &at, &n, err);
    struct gs_migbuild_gpu *list = r < 0 ? NULL : GS_ARENA_NEW(arena, struct gs_migbuild_gpu, n);
    if (r == 0 && list == NULL) {
        r = no_memory(err);
    }
    for (unsigned i = 0; r == 0 && i < n; i++) {
        if (at[i].facts.mode != GS_MIG_NOT_CAPABLE) {
            r = read_offer(gpus, arena, &at[i].facts, debug, &list[n_capable], err);
            n_offers += r == 0 ? list[n_capable].n : 0;
            n_capable++;
        }
    }
    if (r == 0 && n_capable == 0) {
        r = gs_fail(err, GS_NOT_FOUND,
                    "no MIG-capable devices found on the system: it has %u GPUs, "
                    "none of which can be cut",
                    n);
    } else if (r == 0 && n_offers == 0) {
        r = gs_fail(
            err, GS_UNSUPPORTED,
            "no MIG profiles discovered for MIG-capable GPUs: this driver does not tell what "
            "they can be cut into while MIG is off; turn it on with gpuslice mig "
            "enable");
    }
    const struct gs_migwrite_choice *choices;
    unsigned n_choices;
    r = r < 0 ? r : gs_migbuild(arena, list, n_capable, &choices, &n_choices, err);
    return r < 0 ? r : gs_migwrite(arena, choices, n_choices, form, out, err);
}

/* ---- checkpoint ---- */

/* By id, as the driver lists instances. */
static const struct gs_gpu_instance *with_id(const struct gs_gpu_instances *instances, uint32_t id)
{
    for (unsigned i = 0; i < instances->n; i++) {
        if (instances->at[i].id == id) {
            return &instances->at[i];
        }
    }
    return NULL;
}

static void copy_instance(const struct gs_gpu_instance *gi, struct gs_mig_state *state)
{
    struct gs_mig_state_gi *ret = &state->gis[state->n_gis++];
    *ret = (struct gs_mig_state_gi){.profile = gi->profile, .start = gi->start, .size = gi->size};
    for (unsigned i = 0; i < gi->n_compute; i++) {
        ret->cis[ret->n_cis++].profile = gi->compute[i].profile;
    }
}

static int read_state(struct gs_gpus *gpus, const struct gs_gpu *gpu, struct gs_mig_state *state,
                      struct gs_err *err)
{
    struct gs_gpu_instances instances = {.n = 0};
    memcpy(state->uuid, gpu->uuid, sizeof(state->uuid));
    state->mig_enabled = gpu->mode == GS_MIG_ON;
    int r = state->mig_enabled ? gs_gpu_instances(gpus, gpu->index, &instances, err) : 0;
    for (uint32_t id = 0; r == 0 && id < GS_GPU_INSTANCES_MAX; id++) {
        const struct gs_gpu_instance *gi = with_id(&instances, id);
        if (gi != NULL) {
            copy_instance(gi, state);
        }
    }
    return r;
}

int gs_mig_checkpoint_text(struct gs_gpus *gpus, struct gs_arena *arena, bool some,
                           struct gs_buf *out, struct gs_err *err)
{
    struct gs_mig_gpu *at = NULL;
    unsigned n = 0;
    int r = some ? gs_mig_survey_some(gpus, arena, &at, &n, err)
                 : gs_mig_survey(gpus, arena, &at, &n, err);
    struct gs_mig_state *states = r < 0 ? NULL : GS_ARENA_NEW(arena, struct gs_mig_state, n);
    if (r == 0 && states == NULL) {
        r = no_memory(err);
    }
    unsigned n_states = 0;
    for (unsigned i = 0; r == 0 && i < n; i++) {
        if (at[i].why.code == GS_OK && at[i].facts.mode != GS_MIG_NOT_CAPABLE) {
            r = read_state(gpus, &at[i].facts, &states[n_states++], err);
        }
    }
    if (r == 0) {
        gs_migcheckpoint_write(states, n_states, out);
        r = gs_buf_ok(out) ? 0 : no_memory(err);
    }
    return r;
}
