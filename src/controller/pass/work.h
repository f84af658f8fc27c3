/* work: what the files of the pass share. Private to src/controller/pass. */
#pragma once

#include "controller/pass/moves.h"
#include "controller/pass/pass.h"
#include "picture/rules.h"
#include "picture/take.h"

struct gs_pass {
    struct gs_pass_options options;
    struct gs_arena arena; /* of the decider, for good */
    struct gs_decider *decider;
    struct gs_nodes_view view;
    struct gs_rules rules;
    struct gs_moves moves;
    struct gs_store_pod **waiting; /* of the pass under way */
    size_t cap_waiting;
    struct gs_offer *offers; /* of one decision: without those that do not help */
    size_t cap_offers;
    struct gs_pass_counts counts;
    uint64_t now_us;
    uint64_t real_us;
    uint64_t again_us;
    uint64_t number; /* of wishes, for their ids */
    bool keeps;      /* some GPU is kept for a pod */
};

/* pass.c */
/* The next pass is due by then. */
void gs_pass_look_again(struct gs_pass *pass, uint64_t at_us);
/* What was decided, for those who ask. */
void gs_pass_remember(struct gs_store_pod *pod, const struct gs_decision *decision);
/* Nothing holds the gate any more: it goes, and Karpenter and the scheduler see the pod. */
void gs_pass_let_go(struct gs_pass *pass, struct gs_store_pod *pod, const char *reason,
                    const char *action, const char *why);
/* Codes of gs_decide. */
int gs_pass_ask(struct gs_pass *pass, const struct gs_decide_cluster *cluster,
                const struct gs_decide_pod *ask, struct gs_decision *ret, struct gs_err *err);

/* hope.c: the pod had a node but for pods that are on their way and not bound: it waits for them,
 * for a moment. `decision` is what is done otherwise. False: nothing is to be hoped for. */
bool gs_pass_hopes(struct gs_pass *pass, struct gs_store_pod *pod, struct gs_decide_pod *ask,
                   const struct gs_decide_cluster *cluster, struct gs_decision *decision);

/* volumes.c: what its volumes require is known, or not to be known. False: it waits for that, or
 * because of it. */
bool gs_pass_has_volumes(struct gs_pass *pass, struct gs_store_pod *pod);

/* book.c */
void gs_pass_book(struct gs_pass *pass, struct gs_store_pod *pod,
                  const struct gs_decision *decision);

/* pass.c: decides, with moves where there may be one more now. Codes of gs_decide. */
int gs_pass_find_way(struct gs_pass *pass, struct gs_store_pod *pod, struct gs_decide_pod *ask,
                     struct gs_decide_cluster *cluster, struct gs_decision *ret,
                     struct gs_err *err);

/* buy.c: the market is told of a decision to buy. Where a node of that offer would not help, it is
 * decided anew without it. *ret_vain: no offer is left, and the decision is to wait. Codes of
 * gs_decide. */
int gs_pass_buy(struct gs_pass *pass, struct gs_store_pod *pod, struct gs_decide_pod *ask,
                struct gs_decide_cluster *cluster, struct gs_decision *decision, bool *ret_vain,
                struct gs_err *err);
/* After the market's end, over the first `n` of `waiting`. */
void gs_pass_let_buyers_go(struct gs_pass *pass, size_t n);

/* What the node that is bought for it costs, and when it may be there, for who asks. */
void gs_pass_note_bought(const struct gs_pass *pass, struct gs_store_waiting *waiting,
                         const struct gs_offer *offer);

/* pass_wish.c: wishes for GPUs. */
/* `moved`: the pod for whose successor it is, while `pod` waits for that; NULL: it is for `pod`;
 * both NULL: for whoever comes. GS_NO_MEMORY. */
int gs_pass_wish(struct gs_pass *pass, struct gs_store_pod *pod, const struct gs_store_pod *moved,
                 uint32_t number, const struct gs_decide_recut *recut, const char *why,
                 struct gs_err *err);
/* Idle slices of a node of the view make way for the pod. */
int gs_pass_recut(struct gs_pass *pass, struct gs_store_pod *pod, uint32_t number,
                  const struct gs_decision *decision, struct gs_err *err);
/* As gs_warm_options.recut; `ctx` is the pass. */
int gs_pass_recut_warm(void *ctx, uint32_t node, const struct gs_decision *decision,
                       const char *why, struct gs_err *err);
void gs_pass_send_wishes(struct gs_pass *pass);

/* pass_move.c: pods that make way (moves.h). */
int gs_pass_move(struct gs_pass *pass, struct gs_store_pod *pod, const struct gs_decide_pod *ask,
                 const struct gs_decision *decision, struct gs_err *err);
/* A slice comes free for it: no node is bought meanwhile, and its gate stays. */
bool gs_pass_waits_for_move(struct gs_pass *pass, const struct gs_store_pod *pod);
/* The pod takes the place of one that was moved: its room was made, and is booked. False: it is
 * decided as any other. */
bool gs_pass_book_successor(struct gs_pass *pass, struct gs_store_pod *pod,
                            const struct gs_decide_pod *ask);
