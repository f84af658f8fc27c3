/* store_nodes: the store's nodes. Of store*.c only. */
#pragma once

#include "picture/store.h"

/* The node of this name, made where there is none. NULL: no memory. */
struct gs_store_node *gs_store_node_named(struct gs_store *store, const char *name);

/* There is no Node, or none that could be read. */
void gs_store_node_hide(struct gs_store_node *node);

void gs_store_node_free(struct gs_store_node *node);

/* store_gpus.c: its GPUs and wishes. */
void gs_store_gpus_free(struct gs_store_node *node);
