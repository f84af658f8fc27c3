/* Bookings: the pod's node in status.nominatedNodeName, until the scheduler has bound it there. */
#include <stdio.h>

#include "controller/pass/work.h"

enum { BOOK_TRIES = 3 };

/* Whether its scheduler heeds what we nominate. Of another one we do not know, nor when it looks at
 * the pod: it may have a queue of its own. And Karpenter passes over pods that are nominated. */
static bool is_bookable(const struct gs_pass *pass, const struct gs_store_waiting *waiting)
{
    const char *names = pass->options.schedulers;
    struct gs_view rest = gs_view(names == NULL ? "default-scheduler" : names);
    bool found = false;
    while (!found && rest.p != NULL && rest.n > 0) {
        found = gs_view_eq(gs_view_trim(gs_view_split(&rest, ',')), waiting->wait.scheduler);
    }
    return found;
}

/* Its own scheduler places it: in this pass nobody else gets the slice, and then it is anybody's.
 */
static void leave_to_scheduler(struct gs_pass *pass, struct gs_store_pod *pod,
                               const struct gs_decision *decision)
{
    char text[GS_DECIDE_TEXT_MAX + 256];
    snprintf(text, sizeof(text),
             "%s; nothing is booked, as scheduler %.100s places this pod and --schedulers does not "
             "name it",
             decision->why, pod->waiting->wait.scheduler);
    gs_take_booking(&pass->view, pod, decision->node);
    gs_store_touch(pass->view.more[decision->node].of);
    gs_pass_let_go(pass, pod, "NotBooked", "Book", text);
}

void gs_pass_book(struct gs_pass *pass, struct gs_store_pod *pod,
                  const struct gs_decision *decision)
{
    if (pod->waiting->n_failures >= BOOK_TRIES) {
        gs_pass_let_go(pass, pod, "NotBooked", "Book",
                       "the API server does not take the booking; the scheduler places the pod");
        return;
    }
    if (!is_bookable(pass, pod->waiting)) {
        leave_to_scheduler(pass, pod, decision);
        return;
    }
    gs_take_booking(&pass->view, pod, decision->node);
    gs_act_say(pass->options.act, pod, false, "SliceBooked", "Book", decision->why);
    gs_act_book(pass->options.act, pod, pass->view.more[decision->node].of);
}
