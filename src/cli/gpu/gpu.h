/* gpu: what the commands of `gpuslice gpu` share.
 *
 * They look and change nothing. Everything is read once into a view of the machine, which is then
 * printed in one of the formats. A GPU that cannot be read is shown as such, and the command fails
 * after it has shown the others. */
#pragma once

#include "base/arena.h"
#include "gpu/gpu.h"
#include "gpu/gpu_model.h"
#include "partition/holder.h"
#include "term/options.h"
#include "term/output.h"

extern const struct gs_command gs_command_gpu_list;
extern const struct gs_command gs_command_gpu_show;

int gs_cmd_gpu_list(int argc, char **argv);
int gs_cmd_gpu_show(int argc, char **argv);

/* "table", "json", "yaml", "wide", NULL. */
extern const char *const gs_gpu_format_names[];
enum { GS_GPU_FORMAT_WIDE = GS_FORMATS };

struct gs_gpu_holder {
    struct gs_gpu_process process;
    struct gs_holder who;
};

/* One GPU as it is shown. */
struct gs_gpu_view {
    unsigned index;
    int code; /* 0, or why it could not be read */
    struct gs_err why;
    struct gs_gpu facts;
    struct gs_gpu_instances instances;
    const struct gs_model *model; /* NULL: it cannot be cut, or its profiles are not told */
    bool has_layout;              /* the instances fit the model: they can be drawn */
    struct gs_layout layout;      /* in use: a process holds the slice, or that is not known */
    uint16_t stranded;
    bool holders_known; /* false: the driver does not tell its processes */
    size_t n_holders;
    const struct gs_gpu_holder *holders; /* in the arena */
};

struct gs_gpu_machine {
    struct gs_gpu_driver driver;
    unsigned n;
    struct gs_gpu_view *at; /* in the arena */
};

#define GS_GPU_VIEW_MEMORY_MAX ((size_t)64 << 20)

/* Reads the whole machine. GS_IO, GS_NOT_FOUND, GS_UNSUPPORTED as gs_gpu_env_open; GS_NO_MEMORY. */
int gs_gpu_machine_read(struct gs_arena *arena, struct gs_gpu_machine *ret, struct gs_err *err);

/* The same of GPUs that are open. */
int gs_gpu_machine_look(struct gs_arena *arena, struct gs_gpus *gpus, struct gs_gpu_machine *ret,
                        struct gs_err *err);

/* Works out has_layout, layout and stranded from the rest of the view. */
void gs_gpu_view_lay_out(struct gs_gpu_view *view);

/* The GPU that a user means: its number, UUID, or PCI address with or without its domain; the UUID
 * of a slice is the GPU that has it. GS_NOT_FOUND: none; the text lists them. */
int gs_gpu_machine_find(const struct gs_gpu_machine *machine, const char *name,
                        const struct gs_gpu_view **ret, struct gs_err *err);

/* Whether a GPU's UUID or PCI address, with or without its domain, is that; not its number. */
bool gs_gpu_is_named(const struct gs_gpu *facts, const char *name);

/* The name of an instance's profile, with "1c." before it for a part of it; "?" when the driver
 * does not list it. `ci` NULL: the GPU instance. */
void gs_gpu_view_name(const struct gs_gpu_view *view, const struct gs_gpu_instance *gi,
                      const struct gs_compute_instance *ci, char ret[GS_PROFILE_NAME_MAX + 1]);

/* Appends the bar of a GPU that has a layout, with the compute instances in its slices. */
void gs_gpu_view_draw(const struct gs_gpu_view *view, struct gs_buf *out);

/* What the signs in the bars of these GPUs mean, as a line; "" where there are none. */
void gs_gpu_put_legend(const struct gs_gpu_view *const *views, size_t n, struct gs_buf *out);

/* Compute slices of a compute instance; 0: not known. */
unsigned gs_gpu_slices_of(const struct gs_compute_instance *ci);

/* Whether a process is of this instance. `ci` GS_NOT_KNOWN: of any CI of it. */
bool gs_gpu_holder_is_of(const struct gs_gpu_holder *holder, uint32_t gi, uint32_t ci);

/* "on", "off", "on, off after a reset", "-". */
const char *gs_gpu_mode_text(const struct gs_gpu *gpu);

/* A list of the GPU's instances with their compute instances. */
void gs_gpu_put_instances(struct gs_result *result, json_t *at, const char *key,
                          const struct gs_gpu_view *view);

/* "on", "off"; NULL: it cannot be cut. */
const char *gs_gpu_mode_word(enum gs_mig_mode mode);

/* The document of these GPUs (indices into machine->at). */
int gs_gpu_write_doc(const struct gs_gpu_machine *machine, const struct gs_gpu_view *const *views,
                     size_t n, enum gs_format format, struct gs_err *err);

/* The exit status: 0, or that of the first GPU that could not be read, which is said. */
int gs_gpu_exit(const struct gs_gpu_view *const *views, size_t n);
