#include "cli/dashboard/machine.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "board/objects.h"
#include "cli/gpu/gpu.h"
#include "cloud/instances.h"
#include "gpu/gpu_env.h"

enum { HOLDER_MAX = 300 };

static uint64_t price(void *ctx, const char *type, const char *region, const char *capacity)
{
    const struct gs_instance_labels labels = {.type = type, .region = region, .capacity = capacity};
    uint64_t uusd = 0;
    (void)ctx;
    return gs_instance_price_of(&labels, NULL, &uusd) ? uusd : GS_MONEY_NOT_KNOWN;
}

/* ---- what the driver says, in the words of the board ---- */

/* Only what is UTF-8 and no control character: the command is whatever a process calls itself. */
static void clean(char *text)
{
    struct gs_view rest = gs_view(text);
    while (rest.n > 0) {
        uint32_t c;
        size_t n = gs_view_character(rest, &c);
        bool fine = n > 0 && !gs_character_is_control(c);
        n = n == 0 ? 1 : n;
        if (!fine) {
            memset(text + (rest.p - text), '?', n);
        }
        rest.p += n;
        rest.n -= n;
    }
}

/* "process 12 (python3)", "pod 1234-..."; NULL: nobody. */
static const char *holder_of(struct gs_arena *arena, const struct gs_gpu_view *view, uint32_t gi)
{
    for (size_t i = 0; i < view->n_holders; i++) {
        const struct gs_gpu_holder *holder = &view->holders[i];
        if (gi != GS_NOT_KNOWN && !gs_gpu_holder_is_of(holder, gi, GS_NOT_KNOWN)) {
            continue;
        }
        char *text = gs_arena_get(arena, 1, HOLDER_MAX);
        if (text == NULL) {
            return "a process";
        }
        if (holder->who.pod[0] != '\0') {
            (void)snprintf(text, HOLDER_MAX, "pod %s", holder->who.pod);
        } else {
            (void)snprintf(text, HOLDER_MAX, "process %u%s%s%s", holder->process.pid,
                           holder->who.command[0] == '\0' ? "" : " (", holder->who.command,
                           holder->who.command[0] == '\0' ? "" : ")");
        }
        clean(text);
        return text;
    }
    return NULL;
}

static int put_slices(struct gs_arena *arena, const struct gs_gpu_view *view,
                      struct gs_gpunode_gpu *gpu, struct gs_err *err)
{
    unsigned n = view->instances.n;
    struct gs_gpunode_slice *slices = GS_ARENA_NEW(arena, struct gs_gpunode_slice, n + 1);
    if (slices == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the slices of GPU %u", view->index);
    }
    for (unsigned i = 0; i < n; i++) {
        const struct gs_gpu_instance *gi = &view->instances.at[i];
        char name[GS_PROFILE_NAME_MAX + 1];
        const char *who = holder_of(arena, view, gi->id);
        bool held = who != NULL || !view->holders_known;
        gs_gpu_view_name(view, gi, NULL, name);
        slices[i] = (struct gs_gpunode_slice){
            .start = (uint8_t)gi->start,
            .size = (uint8_t)gi->size,
            .state = held ? GS_GPUNODE_HELD : GS_GPUNODE_FREE,
            .resource = "",
            .uuid = "",
            .holder = {.name_space = "", .name = who == NULL ? "" : who, .uid = ""},
        };
        (void)gs_profile_name_parse(gs_view(name), &slices[i].profile, NULL); /* else of none */
    }
    gpu->slices = slices;
    gpu->n_slices = n < GS_MEMORY_UNITS_MAX ? n : GS_MEMORY_UNITS_MAX;
    return 0;
}

static int put_gpu(struct gs_arena *arena, const struct gs_gpu_view *view,
                   struct gs_gpunode_gpu *gpu, struct gs_err *err)
{
    const struct gs_model *model = view->code < 0 ? NULL : gs_gpu_model_expected(&view->facts);
    *gpu = (struct gs_gpunode_gpu){
        .index = view->index,
        .uuid = view->facts.uuid,
        .model = model == NULL ? "" : model->id,
        .product = view->facts.name,
        .mig = view->code >= 0 && view->facts.mode == GS_MIG_ON,
        .healthy = view->code >= 0,
        .decision = {.result = view->code < 0 ? GS_GPUNODE_FAILED : GS_GPUNODE_NONE,
                     .message = view->code < 0 ? view->why.msg : ""},
    };
    if (view->code < 0) {
        return 0;
    }
    gpu->whole_held = !gpu->mig && (view->n_holders > 0 || !view->holders_known);
    return gpu->mig ? put_slices(arena, view, gpu, err) : 0;
}

/* A process on a whole GPU is told as a pod that has it. */
static int put_whole(struct gs_machine_board *self, struct gs_arena *arena,
                     const struct gs_gpu_machine *machine, struct gs_err *err)
{
    static const struct gs_want whole = {.whole_gpu = true, .count = 1};
    int r = 0;
    gs_board_listing(self->board, GS_BOARD_PODS);
    for (unsigned i = 0; r == 0 && i < machine->n; i++) {
        const struct gs_gpu_view *view = &machine->at[i];
        bool cut = view->code < 0 || view->facts.mode == GS_MIG_ON;
        const char *who = cut ? NULL : holder_of(arena, view, GS_NOT_KNOWN);
        if (who != NULL) {
            const struct gs_board_pod pod = {.name_space = "",
                                             .name = who,
                                             .workload = "",
                                             .node = self->host,
                                             .nominated = "",
                                             .wants = &whole,
                                             .n_wants = 1};
            r = gs_board_put_pod(self->board, &pod, err);
        }
    }
    gs_board_listed(self->board, GS_BOARD_PODS);
    return r;
}

static int tell(struct gs_machine_board *self, struct gs_arena *arena,
                const struct gs_gpu_machine *machine, struct gs_err *err)
{
    struct gs_gpunode_gpu *gpus = GS_ARENA_NEW(arena, struct gs_gpunode_gpu, machine->n + 1);
    int r = gpus == NULL ? gs_fail(err, GS_NO_MEMORY, "no memory for %u GPUs", machine->n) : 0;
    for (unsigned i = 0; r == 0 && i < machine->n; i++) {
        r = put_gpu(arena, &machine->at[i], &gpus[i], err);
    }
    const struct gs_gpunode told = {
        .name = self->host, .gpus = gpus, .n_gpus = machine->n, .resource_version = ""};
    r = r == 0 ? gs_board_put_gpus(self->board, &told, err) : r;
    return r == 0 ? put_whole(self, arena, machine, err) : r;
}

/* The machine, as it is or as it cannot be read. */
static int put_facts(struct gs_machine_board *self, const char *why, struct gs_err *err)
{
    const struct gs_board_node facts = {
        .name = self->host,
        .pool = "",
        .instance_type = self->instance_type == NULL ? "" : self->instance_type,
        .region = self->region,
        .zone = "",
        .capacity_type = "",
        .state = why[0] == '\0' ? GS_BOARD_READY : GS_BOARD_BROKEN,
        .why = why,
        .shown = true,
    };
    return gs_board_put_node(self->board, &facts, err);
}

/* What is known of the GPUs fits the type: their number, and the model of each that the catalogue
 * knows. A price for other GPUs would be a wrong one. */
static int check_type(const struct gs_instance *instance, const struct gs_gpu_machine *machine,
                      struct gs_err *err)
{
    const struct gs_gpu_kind kind = gs_instance_gpu(instance);
    const char *other = NULL;
    for (unsigned i = 0; other == NULL && i < machine->n; i++) {
        const struct gs_gpu_view *view = &machine->at[i];
        const struct gs_model *model = view->code < 0 ? NULL : gs_gpu_model_expected(&view->facts);
        other = model != NULL && model != kind.model ? model->id : NULL;
    }
    if (other == NULL && machine->n == instance->gpus) {
        return 0;
    }
    return gs_fail(err, GS_INVALID,
                   "--instance-type %s: found %u GPU%s%s%s, expected %u x %s; give the type that "
                   "this machine is of, or none",
                   instance->type, machine->n, machine->n == 1 ? "" : "s",
                   other == NULL ? "" : ", among them of model ", other == NULL ? "" : other,
                   instance->gpus, kind.name);
}

static int look(struct gs_machine_board *self, const struct gs_instance *instance,
                struct gs_err *err)
{
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    struct gs_gpu_machine machine;
    gs_arena_init(&arena, &gs_alloc_heap, GS_GPU_VIEW_MEMORY_MAX);
    int r = gs_gpu_machine_look(&arena, &self->gpus, &machine, err);
    r = r == 0 && instance != NULL ? check_type(instance, &machine, err) : r;
    return r < 0 ? r : tell(self, &arena, &machine, err);
}

int gs_machine_board_check(const char *instance_type, const char *region, struct gs_err *err)
{
    const struct gs_instance *instance = NULL;
    uint64_t uusd;
    if (instance_type == NULL) {
        return 0;
    }
    int r = gs_instance_find(gs_view(instance_type), &instance, err);
    return r < 0 ? r : gs_instance_price(instance, gs_view(region), &uusd, err);
}

int gs_machine_board_open(struct gs_machine_board *self, const char *instance_type,
                          const char *region, struct gs_err *err)
{
    *self = (struct gs_machine_board){.instance_type = instance_type, .region = region};
    (void)gethostname(self->host, sizeof(self->host) - 1);
    const struct gs_instance *instance = NULL;
    const struct gs_board_options board = {.kind = "node", .name = self->host, .price = price};
    int r = instance_type == NULL ? 0 : gs_instance_find(gs_view(instance_type), &instance, err);
    r = r < 0 ? r : gs_gpu_env_open(&self->gpus, err);
    r = r < 0 ? r : gs_board_new(&board, &self->board, err);
    r = r < 0 ? r : look(self, instance, err);
    r = r < 0 ? r : put_facts(self, "", err);
    if (r == 0) {
        gs_board_set_whole(self->board, true);
    }
    return r;
}

void gs_machine_board_close(struct gs_machine_board *self)
{
    gs_board_free(self->board);
    gs_gpu_close(&self->gpus);
}

void gs_machine_board_look(struct gs_machine_board *self)
{
    struct gs_err err = {.msg = ""};
    int r = look(self, NULL, &err);
    (void)put_facts(self, r < 0 ? err.msg : "", NULL);
}
