#include "gpu/gpu_table_turn.h"

#include "gpu/gpu_table_rules.h"

const char *const gs_gpu_op_names[GS_GPU_OPS] = {
    [GS_GPU_OP_DRIVER] = "driver",
    [GS_GPU_OP_COUNT] = "count",
    [GS_GPU_OP_GET] = "get",
    [GS_GPU_OP_PROFILES] = "profiles",
    [GS_GPU_OP_INSTANCES] = "instances",
    [GS_GPU_OP_COMPUTE_PROFILES] = "compute profiles",
    [GS_GPU_OP_COMPUTE_PLACES] = "compute places",
    [GS_GPU_OP_PROCESSES] = "processes",
    [GS_GPU_OP_MIG_DEVICE] = "MIG device",
    [GS_GPU_OP_FABRIC] = "fabric",
    [GS_GPU_OP_READ] = "read",
    [GS_GPU_OP_READ_SLICE] = "read slice",
    [GS_GPU_OP_WATCH_OPEN] = "open watch",
    [GS_GPU_OP_WATCH_NEXT] = "next event",
    [GS_GPU_OP_CREATE] = "create",
    [GS_GPU_OP_DESTROY] = "destroy",
    [GS_GPU_OP_CREATE_COMPUTE] = "create compute",
    [GS_GPU_OP_DESTROY_COMPUTE] = "destroy compute",
    [GS_GPU_OP_SET_MODE] = "set mode",
    [GS_GPU_OP_RESET] = "reset",
};

bool gs_gpu_op_changes(enum gs_gpu_op op)
{
    return op >= GS_GPU_OP_CREATE;
}

/* The first fault of this operation whose turn it is. Faults that wait count the call. */
static const struct gs_gpu_fault *fault_for(struct gs_gpu_table *table, enum gs_gpu_op op,
                                            struct gs_gpu_fault *ret)
{
    const struct gs_gpu_fault *found = NULL;
    for (unsigned i = 0; i < GS_GPU_TABLE_FAULTS_MAX; i++) {
        struct gs_gpu_fault *fault = &table->faults[i];
        if (fault->times == 0 || fault->op != op) {
            continue;
        }
        if (fault->skip > 0) {
            fault->skip--;
        } else if (found == NULL) {
            *ret = *fault;
            found = ret;
            fault->times -= fault->times == GS_NOT_KNOWN ? 0 : 1;
        }
    }
    return found;
}

static int fail_as(const struct gs_gpu_fault *fault, struct gs_err *err)
{
    const char *when = fault->done ? "after it was done" : "before it was done";
    if (fault->code == GS_IO && fault->sys_errno != 0) {
        return gs_fail_errno(err, fault->sys_errno, "%s: injected failure %s",
                             gs_gpu_op_names[fault->op], when);
    }
    return gs_fail(err, fault->code, "%s: injected failure %s", gs_gpu_op_names[fault->op], when);
}

struct gs_gpu_turn gs_gpu_turn_of(void *impl, enum gs_gpu_op op, uint32_t gpu)
{
    return (struct gs_gpu_turn){.table = impl,
                                .call = {.op = op,
                                         .gpu = gpu,
                                         .gi = GS_NOT_KNOWN,
                                         .ci = GS_NOT_KNOWN,
                                         .profile_id = GS_NOT_KNOWN,
                                         .start = GS_NOT_KNOWN}};
}

bool gs_gpu_turn_begin(struct gs_gpu_turn *turn)
{
    struct gs_gpu_table *table = turn->table;
    turn->call.number = ++table->calls;
    table->calls_of[turn->call.op]++;
    turn->fault = fault_for(table, turn->call.op, &turn->storage);
    if (table->hook != NULL) {
        table->hook(table->hook_ctx, &turn->call, false);
    }
    bool refused =
        gs_gpu_op_changes(turn->call.op) && gs_gpu_rules_may_change(turn->table, NULL) < 0;
    return !refused && (turn->fault == NULL || turn->fault->done);
}

int gs_gpu_turn_end(struct gs_gpu_turn *turn, int r, struct gs_err *err)
{
    if (turn->table->hook != NULL) {
        turn->table->hook(turn->table->hook_ctx, &turn->call, true);
    }
    if (turn->fault != NULL) {
        return fail_as(turn->fault, err);
    }
    int refused = gs_gpu_op_changes(turn->call.op) ? gs_gpu_rules_may_change(turn->table, err) : 0;
    return refused < 0 ? refused : r;
}
