#include "contract/bed.h"

#include <stdlib.h>
#include <string.h>

#include "gpu/gpu_table.h"

static int begin(struct bed *bed, const struct bed_machine *machine)
{
    struct gs_gpu_table *table = malloc(sizeof(*table));
    assert_non_null(table);
    gs_gpu_table_init(table, machine->driver != 0 ? machine->driver : BED_NEWEST);
    for (unsigned i = 0; i < BED_KINDS_MAX && machine->kinds[i].count > 0; i++) {
        const char *model = machine->kinds[i].model;
        unsigned n = machine->kinds[i].count;
        bed_expect(0, model[0] == '\0' ? gs_gpu_table_add_whole(table, n, err)
                                       : gs_gpu_table_add(table, model, n, err));
    }
    for (unsigned i = 0; i < table->n_gpus; i++) {
        table->gpus[i].vm = machine->vm;
    }
    if (machine->mig_on) {
        gs_gpu_table_mig_on(table);
    }
    gs_gpu_table_open(table, &bed->gpus);
    bed->impl = table;
    return 0;
}

static void end(struct bed *bed)
{
    free(bed->impl);
}

static int hold(struct bed *bed, unsigned gpu, uint32_t gi, uint32_t ci, uint32_t *ret_pid)
{
    static uint32_t next = 1000;
    *ret_pid = ++next;
    return gs_gpu_table_hold(bed->impl, gpu, gi, ci, *ret_pid, NULL);
}

static void drop(struct bed *bed, uint32_t pid)
{
    gs_gpu_table_drop(bed->impl, pid);
}

static void leak(struct bed *bed, unsigned gpu, uint32_t gi, uint32_t ci, unsigned handles)
{
    struct gs_gpu_table *table = bed->impl;
    struct gs_gpu_table_gi *at = &table->gpus[gpu].gis[gi];
    if (ci == GS_NOT_KNOWN) {
        at->leaked = (uint16_t)handles;
    } else {
        at->cis[ci].leaked = (uint16_t)handles;
    }
}

static void lose(struct bed *bed, unsigned gpu)
{
    struct gs_gpu_table *table = bed->impl;
    table->gpus[gpu].lost = true;
}

static void xid(struct bed *bed, unsigned gpu, uint32_t gi, uint32_t ci, uint64_t number)
{
    gs_gpu_table_tell(
        bed->impl, &(struct gs_gpu_event){
                       .kind = GS_GPU_EVENT_XID, .gpu = gpu, .data = number, .gi = gi, .ci = ci});
}

static void busy(struct bed *bed, unsigned gpu, uint32_t gi, unsigned percent)
{
    struct gs_gpu_table *table = bed->impl;
    struct gs_gpu_table_gpu *at = &table->gpus[gpu];
    *(gi == GS_NOT_KNOWN ? &at->busy_ppm : &at->gis[gi].busy_ppm) = percent * 10000;
}

static void boot_again(struct bed *bed)
{
    gs_gpu_close(&bed->gpus);
    gs_gpu_table_reboot(bed->impl);
    gs_gpu_table_open(bed->impl, &bed->gpus);
}

static int open_another(struct bed *bed, struct gs_gpus *ret)
{
    gs_gpu_table_open(bed->impl, ret);
    return 0;
}

static void cut(struct bed *bed, unsigned gpu, uint32_t profile_id, uint32_t start)
{
    struct gs_gpu_table *table = bed->impl;
    struct gs_gpu_instance gi;
    const struct gs_model *model = table->gpus[gpu].model;
    unsigned driver = table->driver_major;
    table->driver_major = BED_NEWEST;
    for (unsigned i = 0; i < model->n_profiles; i++) {
        if (model->profiles[i].nvml_profile_id == profile_id) {
            bed_expect(0, gs_gpu_create(&bed->gpus, gpu, profile_id, start,
                                        model->profiles[i].memory_units, &gi, err));
            bed_create_ci(bed, gpu, gi.id, 0);
        }
    }
    table->driver_major = driver;
}

const struct bed_ops bed_table = {
    .name = "table",
    .begin = begin,
    .end = end,
    .hold = hold,
    .drop = drop,
    .leak = leak,
    .lose = lose,
    .xid = xid,
    .busy = busy,
    .reboot = boot_again,
    .open_another = open_another,
    .cut = cut,
};
