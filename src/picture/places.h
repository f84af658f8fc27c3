/* places: the values that nodes have of the labels that rules of pods go by (host name, zone), as
 * small numbers, so that rules are counted in arrays and not by texts.
 *
 * Kept from one decision to the next: a label from when a rule asks for it the first time, and
 * brought up to date with each node that is shown or goes. A node has a seat, a small number as
 * well; another one gets it when the node is gone. Belongs to the loop. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"
#include "core/constraint.h"

/* The values of one label. */
struct gs_places_label {
    const char *key;
    uint32_t *of;          /* by seat: the number of the node's value; 0: it has no such label */
    uint32_t n_numbers;    /* those in use are 1 to this; there may be some that nobody has */
    struct gs_arena arena; /* of the texts */
    struct gs_map values;  /* by text */
};

/* All zero: empty. */
struct gs_places {
    struct gs_map labels;               /* by key: struct gs_places_label */
    const struct gs_node_facts **facts; /* by seat; NULL: no Node that is known */
    uint32_t *left;                     /* seats of nodes that are gone */
    uint32_t n_left;
    uint32_t n_seats; /* those in use are below */
    uint32_t cap;
};

void gs_places_done(struct gs_places *places);

/* A seat for one more node, which has no labels yet. False: no memory. */
bool gs_places_sit(struct gs_places *places, uint32_t *ret_seat);

/* The node is gone. */
void gs_places_leave(struct gs_places *places, uint32_t seat);

/* The node's labels are these from now on; they stay where they are until they are shown anew.
 * NULL: it has none, as nothing is known of it. GS_NO_MEMORY: it has none. */
int gs_places_show(struct gs_places *places, uint32_t seat, const struct gs_node_facts *facts,
                   struct gs_err *err);

/* The values of a label; *ret is NULL if no node has it, and good until a node is shown or takes a
 * seat. The first time O(nodes). GS_NO_MEMORY. */
int gs_places_by(struct gs_places *places, const char *key, const struct gs_places_label **ret,
                 struct gs_err *err);
