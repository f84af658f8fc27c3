/* migparted: a configuration file of NVIDIA's mig-parted, written.
 *
 * A file has named configurations; one says for the GPUs of a node, by their numbers, whether MIG
 * is on and which slices each of them has. mig-parted chooses the places of the slices itself, and
 * leaves GPUs that no entry names as they are. Form: mig-parted, api/spec/v1 (unknown keys are
 * errors; mig-devices only with MIG on; counts of 1 or more, {} for no slices). Pure text. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "core/model.h"

enum {
    GS_MIGPARTED_NAME_MAX = 63, /* bytes: the name is the value of a Kubernetes label */
    GS_MIGPARTED_GPUS_MAX = 64  /* GPUs of one node */
};

/* GPUs of one node that are cut alike. */
struct gs_migparted_entry {
    const unsigned *gpus; /* their numbers, ascending */
    unsigned n_gpus;      /* 0: all GPUs of the node */
    bool mig;
    const struct gs_model *model; /* mig: whose profiles `counts` counts */
    const uint8_t *counts;        /* mig: slices of each profile on one GPU */
};

/* Letters, digits, '-', '_' and '.' between letters or digits, as Kubernetes wants a label's value:
 * anything else of `text` becomes '-', what is too long is cut. Never empty: "node". */
void gs_migparted_name(const char *text, char ret_name[GS_MIGPARTED_NAME_MAX + 1]);

/* The beginning of a file; at least one configuration must follow. */
void gs_migparted_begin(struct gs_buf *out);

/* A comment; what would break the line becomes '?'. */
void gs_migparted_comment(const char *text, struct gs_buf *out);

/* One configuration. GS_INVALID, with nothing written: a name that is no label's value, no entry,
 * an entry without MIG or with more GPUs than a node has. */
int gs_migparted_config(const char *name, const struct gs_migparted_entry *entries,
                        size_t n_entries, struct gs_buf *out, struct gs_err *err);
