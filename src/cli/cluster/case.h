/* case: one pod, and what the controller would decide about it now. Made of a scene; no requests.
 *
 * Pods that go first are decided first, and take what they get off the picture, as in a pass of the
 * controller. Everything lives in the scene's arena. */
#pragma once

#include "cli/cluster/scene.h"
#include "decide/look.h"
#include "wire/kubemove.h"

enum gs_case_state {
    GS_CASE_FINISHED,  /* Succeeded, Failed */
    GS_CASE_ENDING,    /* it is being deleted */
    GS_CASE_BOUND,     /* it has a node: starting or running */
    GS_CASE_NO_SLICES, /* it asks for none: not ours */
    GS_CASE_DAEMON,    /* of a DaemonSet, which chooses its node */
    GS_CASE_REFUSED,   /* asks for shares of a GPU, or for what is no profile */
    GS_CASE_BOOKED,    /* nominated to a node */
    GS_CASE_OTHERS,    /* gates of others hold it */
    GS_CASE_UNSEEN,    /* no gate, and the scheduler has not looked at it yet */
    GS_CASE_RECUT,     /* a re-cut for it is under way */
    GS_CASE_MOVE,      /* a move for it is under way */
    GS_CASE_DECIDED    /* `decision`, or `cannot` */
};

enum { GS_CASE_HELP_MAX = 12 };

struct gs_case {
    struct gs_scene *scene;
    struct gs_kubepod pod;
    struct gs_kubewait wait;
    enum gs_case_state state;
    struct gs_store_pod *stored; /* NULL: it does not wait */
    size_t before;               /* pods that wait and go first */
    bool decided;
    bool nowhere; /* the scheduler takes it nowhere now because of its volumes; that is decided */
    struct gs_decision decision; /* where it is decided, or would be */
    struct gs_err cannot;    /* what it asks for could not be worked out; code GS_OK: it could */
    struct gs_look *looks;   /* one a node of the view; NULL: none */
    const uint32_t *by_name; /* the nodes of `looks` */
    const struct gs_gpunode_wish *wish; /* the re-cut under way for it */
    const char *wish_node;
    struct gs_kubemove move;            /* GS_CASE_MOVE */
    const char *next;                   /* what happens next, in a sentence */
    const char *help[GS_CASE_HELP_MAX]; /* what would help */
    unsigned n_help;
};

/* `object`: the Pod. GS_INVALID: it cannot be read; GS_NO_MEMORY. */
int gs_case_make(struct gs_scene *scene, const json_t *object, struct gs_case *ret,
                 struct gs_err *err);

/* A pod that waits, with what it would get now. */
struct gs_case_row {
    const struct gs_store_pod *pod;
    enum gs_case_state state;
    bool decided;
    struct gs_decision *decision; /* where it is decided */
    const char *says;             /* why so; never NULL */
};

/* All pods that wait, in the order of decisions, decided one after the other; the scene's picture
 * is what they leave. *ret lives in the scene's arena. GS_NO_MEMORY. */
int gs_case_all(struct gs_scene *scene, struct gs_case_row **ret, size_t *ret_n,
                struct gs_err *err);

/* How it stands, in a few words: "waits at the gate". */
const char *gs_case_words(const struct gs_case *of);

/* "book", "re-cut"; what was decided, in a word. */
const char *gs_case_decision_word(enum gs_decide_what what);

/* What the pod asks for, "2 x 1g.5gb and a whole GPU", appended. */
void gs_case_put_wants(const struct gs_want *wants, size_t n, struct gs_buf *out);

/* How a node stands to the pod, in words, appended. */
void gs_case_put_look(const struct gs_case *of, size_t node, struct gs_buf *out);

/* case_help.c: fills in `next` and `help`. */
int gs_case_advise(struct gs_case *of, struct gs_err *err);
