/* tree_files: making and removing files below DIR/root, for tree.c alone.
 *
 * Names are relative to that folder. The first failure sticks, what follows is left out, and
 * sim_tree_close tells. What is there already as it must be is left alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum { SIM_TREE_NAME_MAX = 160 };

struct sim_tree {
    int root;   /* the open folder */
    int failed; /* the first errno */
};

int sim_tree_open(struct sim_tree *tree, const char *dir, struct gs_err *err);
int sim_tree_close(struct sim_tree *tree, const char *dir, struct gs_err *err);

/* `r` of a system call: keeps errno where it is negative. */
void sim_tree_keep_failure(struct sim_tree *tree, int r);

/* A folder and those above it. */
void sim_tree_make_dirs(struct sim_tree *tree, const char *name);

/* A file with this content, taking the place of what is there at once. */
void sim_tree_make_file(struct sim_tree *tree, const char *name, const char *text, size_t n);
void sim_tree_make_text(struct sim_tree *tree, const char *name, const char *text);
void sim_tree_make_empty(struct sim_tree *tree, const char *name);
/* A device node that leads nowhere; an empty file where this user may make none. */
void sim_tree_make_node(struct sim_tree *tree, const char *name);
void sim_tree_make_link(struct sim_tree *tree, const char *name, const char *target);

/* Nothing there is fine. `remove` takes a folder with all that is in it. */
void sim_tree_remove_file(struct sim_tree *tree, const char *name);
void sim_tree_remove(struct sim_tree *tree, const char *name);
