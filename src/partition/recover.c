#include "partition/recover.h"

#include <stdio.h>

#include "partition/lock.h"

enum { NAME_MAX_BYTES = 120, STEP_MAX_BYTES = 240 };

static void name_run(const struct gs_journal_left *left, char text[NAME_MAX_BYTES])
{
    if (left->what[0] == '\0') {
        snprintf(text, NAME_MAX_BYTES, "a run that was killed");
    } else {
        snprintf(text, NAME_MAX_BYTES, "%s (pid %llu), which was killed", left->what,
                 (unsigned long long)left->pid);
    }
}

/* GS_NOT_FOUND: no GPU has that UUID. */
static int find_gpu(struct gs_gpus *gpus, const char *uuid, struct gs_inventory_gpu *ret,
                    struct gs_err *err)
{
    unsigned n;
    int r = gs_gpu_count(gpus, &n, err);
    for (unsigned k = 0; k < n && r == 0; k++) {
        /* one that is lost says so, and is not the one that we look for until it is back */
        if (gs_gpu_get(gpus, k, &ret->facts, NULL) == 0 && strcmp(ret->facts.uuid, uuid) == 0) {
            ret->gpu = k;
            return 0;
        }
    }
    return r < 0 ? r : gs_fail(err, GS_NOT_FOUND, "no GPU %s answers", uuid);
}

static const char *outcome_words(enum gs_settle_outcome outcome)
{
    switch (outcome) {
    case GS_SETTLE_NOT_BEGUN:
        return "had not begun";
    case GS_SETTLE_COMPLETE:
        return "was complete";
    case GS_SETTLE_FINISHED:
        return "is finished now";
    case GS_SETTLE_UNDONE:
        return "is undone now";
    case GS_SETTLE_GONE:
        return "has nothing left to finish";
    case GS_SETTLE_ELSEWISE:
        return "is done as far as it goes, and somebody else has changed it since";
    }
    return "";
}

/* "1g.5gb", or by number where the driver does not list it. */
static void name_profile(struct gs_gpus *gpus, unsigned gpu, uint32_t profile,
                         char text[NAME_MAX_BYTES])
{
    struct gs_gpu_profile profiles[GS_GPU_PROFILES_MAX];
    unsigned n = 0;
    if (gs_gpu_profiles(gpus, gpu, profiles, &n, NULL) < 0) {
        n = 0;
    }
    for (unsigned k = 0; k < n; k++) {
        if (profiles[k].profile == profile) {
            snprintf(text, NAME_MAX_BYTES, "%s", profiles[k].name);
            return;
        }
    }
    snprintf(text, NAME_MAX_BYTES, "the GPU instance of profile %u", profile);
}

static void name_step(struct gs_gpus *gpus, unsigned gpu, const struct gs_journal_step *step,
                      char text[STEP_MAX_BYTES])
{
    static const char *const of_gpu[GS_JOURNAL_DOS] = {
        [GS_JOURNAL_MODE_ON] = "turning MIG on",
        [GS_JOURNAL_MODE_OFF] = "turning MIG off",
        [GS_JOURNAL_RESET] = "a reset",
    };
    const char *verb = !step->shall.present ? "destroying"
                       : !step->was.present ? "creating"
                                            : "changing";
    if (of_gpu[step->kind] != NULL) {
        snprintf(text, STEP_MAX_BYTES, "step %u of %u, %s,", step->n, step->of, of_gpu[step->kind]);
        return;
    }
    char name[NAME_MAX_BYTES];
    name_profile(gpus, gpu, step->profile, name);
    snprintf(text, STEP_MAX_BYTES, "step %u of %u, %s %s at %u,", step->n, step->of, verb, name,
             step->start);
}

/* What a person has to do after a kill. One more slice is made, and those that are gone are not
 * found, where a change by hand is repeated. */
static const char *remedy(const struct gs_journal_left *left)
{
    if (strcmp(left->what, "mig create") == 0 || strcmp(left->what, "mig destroy") == 0) {
        return "; gpuslice gpu show says what there is now";
    }
    return left->exit_hook ? "; its apply-exit hook has not run: the same command again does the "
                             "rest, and runs it"
                           : "; the same command again does the rest";
}

static enum gs_change_kind change_kind(enum gs_journal_do kind)
{
    switch (kind) {
    case GS_JOURNAL_CREATE:
        return GS_CHANGE_CREATE_GI;
    case GS_JOURNAL_CREATE_CI:
        return GS_CHANGE_CREATE_CI;
    case GS_JOURNAL_DESTROY_CI:
        return GS_CHANGE_DESTROY_CI;
    case GS_JOURNAL_DESTROY:
    case GS_JOURNAL_MODE_ON:
    case GS_JOURNAL_MODE_OFF:
    case GS_JOURNAL_RESET:
    case GS_JOURNAL_DOS:
        break; /* a step of a slice is what is asked of */
    }
    return GS_CHANGE_DESTROY_GI;
}

static int recover_slice(struct gs_gpus *gpus, struct gs_inventory_gpu *gpu,
                         const struct gs_journal_left *left, const char *run,
                         const struct gs_say *say, struct gs_err *err)
{
    const struct gs_journal_step *step = &left->step;
    const struct gs_settle_slice slice = {
        .profile = step->profile,
        .start = step->start,
        .size = step->size,
        .was = step->was,
        .shall = step->shall,
        .kind = change_kind(step->kind),
        .ci_profile = step->ci_profile,
        .ci_start = step->ci_start,
    };
    char name[STEP_MAX_BYTES];
    name_step(gpus, gpu->gpu, step, name);
    int r = gs_inventory_refresh(gpus, gpu, err);
    if (r < 0) {
        return r;
    }
    enum gs_settle_outcome outcome;
    struct gs_err why;
    if (gs_settle(gpus, gpu, &slice, true, &outcome, &why) < 0) {
        gs_say(say, "GPU %u: left by %s: %s could be neither finished nor undone: %s%s", gpu->gpu,
               run, name, why.msg, remedy(left));
    } else {
        gs_say(say, "GPU %u: left by %s: %s %s%s", gpu->gpu, run, name, outcome_words(outcome),
               remedy(left));
    }
    return 0;
}

static void say_mode(const struct gs_inventory_gpu *gpu, const struct gs_journal_left *left,
                     const char *run, const struct gs_say *say)
{
    gs_say(say, "GPU %u: left by %s while the MIG mode changed: it is %s%s%s", gpu->gpu, run,
           gpu->facts.mode == GS_MIG_ON ? "on" : "off",
           gpu->facts.mode == gpu->facts.pending ? "" : ", and the other after a reset",
           remedy(left));
}

static int recover_step(struct gs_gpus *gpus, const struct gs_journal_left *left, const char *run,
                        const struct gs_say *say, struct gs_err *err)
{
    struct gs_inventory_gpu gpu = {.gpu = 0};
    int r = find_gpu(gpus, left->step.gpu, &gpu, err);
    if (r == GS_NOT_FOUND) {
        gs_say(say, "%s was left by %s and is not there now: nothing can be done", left->step.gpu,
               run);
        return 0;
    }
    if (r < 0) {
        return r;
    }
    switch (left->step.kind) {
    case GS_JOURNAL_CREATE:
    case GS_JOURNAL_CREATE_CI:
    case GS_JOURNAL_DESTROY:
    case GS_JOURNAL_DESTROY_CI:
        return recover_slice(gpus, &gpu, left, run, say, err);
    case GS_JOURNAL_MODE_ON:
    case GS_JOURNAL_MODE_OFF:
    case GS_JOURNAL_RESET:
    case GS_JOURNAL_DOS:
        say_mode(&gpu, left, run, say);
        return 0;
    }
    return 0;
}

int gs_recover(struct gs_gpus *gpus, const char *dir, const struct gs_say *say, struct gs_err *err)
{
    struct gs_journal_left left;
    int r = gs_journal_load(dir, &left, err);
    if (r < 0) {
        return r == GS_NOT_FOUND ? 0 : r;
    }
    char run[NAME_MAX_BYTES];
    name_run(&left, run);
    if (left.not_ours) {
        gs_say(say,
               "%s/journal, which should say what a killed run was at, has nothing in it that "
               "gpuslice writes: it is removed; gpuslice gpu show says how the GPUs are cut",
               dir);
        return gs_journal_remove(dir, err);
    }
    if (left.begun) {
        r = recover_step(gpus, &left, run, say, err);
    } else {
        gs_say(say, "the journal of %s was found; no step had begun%s", run, remedy(&left));
    }
    return r < 0 ? gs_wrap(err, r, "recovering from %s", run) : gs_journal_remove(dir, err);
}

int gs_recover_look(struct gs_gpus *gpus, const char *dir, const struct gs_say *say,
                    struct gs_err *err)
{
    struct gs_journal_left left;
    struct gs_err ignored;
    bool held = gs_lock_is_held(dir);
    int r = gs_journal_load(dir, &left, held ? &ignored : err);
    if (r == 0 && (held || (held = gs_lock_is_held(dir)))) {
        gs_say(say,
               "%s (pid %llu) is changing the GPUs now: what follows is of what there is at this "
               "moment",
               left.what[0] == '\0' ? "another program" : left.what, (unsigned long long)left.pid);
        return 0;
    }
    if (r < 0) {
        return r == GS_NOT_FOUND || held ? 0 : r;
    }
    char run[NAME_MAX_BYTES];
    name_run(&left, run);
    if (left.not_ours) {
        gs_say(say, "first: remove %s/journal, which has nothing in it that gpuslice writes", dir);
        return 0;
    }
    if (!left.begun) {
        gs_say(say, "first: remove the journal of %s; no step had begun", run);
        return 0;
    }
    char name[STEP_MAX_BYTES];
    struct gs_inventory_gpu gpu = {.gpu = 0};
    (void)find_gpu(gpus, left.step.gpu, &gpu, &ignored);
    name_step(gpus, gpu.gpu, &left.step, name);
    gs_say(say, "first: finish or take back what was left by %s: GPU %u, %s begun last", run,
           gpu.gpu, name);
    return 0;
}

void gs_recover_notice(const char *dir, const struct gs_say *say)
{
    struct gs_journal_left left;
    struct gs_err ignored;
    /* twice: the run may end between the two looks */
    if (gs_journal_load(dir, &left, &ignored) < 0 || gs_lock_is_held(dir) ||
        gs_journal_load(dir, &left, &ignored) < 0) {
        return;
    }
    if (left.not_ours) {
        gs_say(say,
               "%s/journal has nothing in it that gpuslice writes: the next command that changes "
               "GPUs removes it",
               dir);
        return;
    }
    char at[NAME_MAX_BYTES] = "before its first step";
    if (left.begun) {
        snprintf(at, sizeof(at), "at step %u of %u", left.step.n, left.step.of);
    }
    gs_say(say,
           "%s (pid %llu) was killed %s: the next command that changes GPUs finishes that step or "
           "takes it back%s",
           left.what[0] == '\0' ? "a run" : left.what, (unsigned long long)left.pid, at,
           remedy(&left));
}
