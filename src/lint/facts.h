/* facts: what all files of a run say together, which one part of them alone does not. */
#pragma once

#include "base/arena.h"
#include "lint/tree.h"

enum { GS_LINT_NAMES_MAX = 16 };

struct gs_lint_names {
    const char *items[GS_LINT_NAMES_MAX];
    size_t n;
};

struct gs_lint_facts {
    struct gs_lint_names slices;   /* profiles that pods or node labels ask for: "1g.5gb" */
    struct gs_lint_names overlaid; /* resources that a NodeOverlay adds: "nvidia.com/mig-1g.5gb" */
    struct gs_lint_names images;   /* "CONTAINER=IMAGE" */
    struct gs_lint_names types;    /* instance types that anything names */
    struct gs_lint_names labels;   /* "KEY=VALUE" that old user data puts on nodes */
    const char *node_class;        /* the first EC2NodeClass or AWSNodeTemplate; NULL: none */
    bool slicing;                  /* they are about GPUs and slices at all */
    bool aws;                      /* about EKS */
    bool pools;                    /* there is a NodePool, a Provisioner or a NodeTemplate */
    bool mixed;                    /* a pod asks for a slice by its profile */
};

/* Adds what a document says. GS_NO_MEMORY. */
int gs_lint_facts_of_doc(struct gs_arena *arena, const struct gs_lint_node *root,
                         struct gs_lint_facts *facts);

/* Adds what the words of a file say. */
void gs_lint_facts_of_text(struct gs_view text, struct gs_lint_facts *facts);

/* The profile of a resource or of what stands for one: "nvidia.com/mig-1g.5gb", "mig-1g.5gb",
 * "1g.5gb". Empty: it is none. */
struct gs_view gs_lint_profile_of(struct gs_view name);

/* The first slice that anything asks for, or "1g.5gb". */
const char *gs_lint_facts_profile(const struct gs_lint_facts *facts);
