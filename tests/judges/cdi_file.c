/* Prints the CDI file of a simulated machine, as the agent would write it.
 *
 * usage: judge_cdi_file ROOT KIND NAMES HOOK
 *        ROOT: where the driver and its device nodes are; KIND: "nvidia.com/gpu"; NAMES: "uuid",
 *        "index,uuid"; HOOK: the program of the hooks, or ""
 *
 * GPUSLICE_SIM names the machine. What the file says is ours: the agent's survey, the driver's
 * files, node/cdispec, wire/cdi. */
#include <stdio.h>
#include <string.h>

#include "agent/survey.h"
#include "base/cleanup.h"
#include "gpu/gpu_env.h"
#include "node/cdispec.h"

static struct gs_cdispec_nodes nodes[GS_GPUS_MAX];
static struct gs_device_node control[GS_CONTROL_NODES_MAX];

static int find_nodes(const struct gs_machine_roots *roots, const struct gs_snapshot *snapshot,
                      struct gs_cdispec_machine *ret, struct gs_err *err)
{
    struct gs_driver_majors majors;
    int r = gs_driver_majors(roots, &majors, err);
    r = r < 0 ? r : gs_driver_control_nodes(roots, control, &ret->n_control, err);
    for (unsigned k = 0; r == 0 && k < snapshot->n_gpus; k++) {
        const struct gs_gpu *facts = &snapshot->gpus[k].facts;
        struct gs_cdispec_nodes *of = &nodes[k];
        r = gs_driver_gpu_node(roots, facts->minor, &of->gpu, err);
        r = r < 0 ? r : gs_driver_drm_nodes(roots, facts->pci_bus_id, of->drm, &of->n_drm, err);
        r = r < 0 ? r
                  : gs_driver_drm_links(roots, facts->pci_bus_id, of->drm_links, &of->n_drm_links,
                                        err);
    }
    ret->nodes = nodes;
    ret->control = control;
    ret->caps_major = majors.caps;
    return r;
}

static unsigned names_of(const char *text)
{
    return (strstr(text, "uuid") != NULL ? GS_CDISPEC_UUID : 0) |
           (strstr(text, "index") != NULL ? GS_CDISPEC_INDEX : 0);
}

static int describe(const struct gs_machine_roots *roots, char **argv, struct gs_buf *out,
                    struct gs_arena *arena, struct gs_err *err)
{
    GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = {.ops = NULL};
    GS_CLEANUP(gs_survey_done) struct gs_survey survey;
    GS_CLEANUP(gs_box_unrefp) struct gs_box *box = NULL;
    struct gs_driver_files files;
    struct gs_hook_program hook;
    struct gs_cdispec_machine machine = {.files = &files};
    struct gs_cdi_spec spec;
    int r = gs_gpu_env_open(&gpus, err);
    gs_survey_init(&survey, &gpus, roots);
    r = r < 0 ? r : gs_survey(&survey, GS_SURVEY_ALL, &box, err);
    r = r < 0 ? r : find_nodes(roots, &box->snapshot, &machine, err);
    r = r < 0
            ? r
            : gs_driver_files_find(roots, box->snapshot.driver.driver_version, arena, &files, err);
    r = r < 0 ? r : gs_driver_hook_program(roots, argv[4], &hook, err);
    if (r < 0) {
        return r;
    }
    const struct gs_cdispec_options options = {.kind = argv[2],
                                               .names = names_of(argv[3]),
                                               .driver_root = roots->driver,
                                               .hook = hook.path,
                                               .hooks = hook.hooks,
                                               .nodes_from_numbers = true,
                                               .all = strstr(argv[3], "index") != NULL};
    r = gs_cdispec_make(&box->snapshot, &machine, &options, arena, &spec, err);
    return r < 0 ? r : gs_cdi_format(&spec, out, err);
}

int main(int argc, char **argv)
{
    struct gs_machine_roots roots = {.simulated = true};
    struct gs_err err = {.msg = ""};
    struct gs_arena arena;
    struct gs_buf out;
    if (argc != 5) {
        fprintf(stderr, "usage: %s ROOT KIND NAMES HOOK\n", argv[0]);
        return 2;
    }
    snprintf(roots.kernel, sizeof(roots.kernel), "%s", argv[1]);
    snprintf(roots.driver, sizeof(roots.driver), "%s", argv[1]);
    snprintf(roots.dev, sizeof(roots.dev), "%s", argv[1]);
    gs_arena_init(&arena, &gs_alloc_heap, 32 << 20);
    gs_buf_init(&out, GS_CDI_BYTES_MAX);
    int r = describe(&roots, argv, &out, &arena, &err);
    if (r == 0) {
        fputs(gs_buf_text(&out), stdout);
    } else {
        fprintf(stderr, "%s\n", err.msg);
    }
    gs_buf_done(&out);
    gs_arena_done(&arena);
    return r == 0 ? 0 : 1;
}
