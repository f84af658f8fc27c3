#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "cli/cluster/text.h"
#include "cli/cluster/why.h"
#include "wire/kubejson.h"

enum { LINE_BYTES_MAX = 64 << 10 };

static const char *word_of(const struct gs_case *of)
{
    return of->decided                ? gs_case_decision_word(of->decision.what)
           : of->cannot.code != GS_OK ? "none"
                                      : NULL;
}

/* ---- the pod ---- */

static void put_field(struct gs_buf *out, const char *name, const char *text)
{
    char head[32];
    (void)snprintf(head, sizeof(head), "  %-10s ", name);
    gs_put_wrapped(out, head, text);
}

static void put_line(struct gs_buf *out, const char *name, const struct gs_buf *line)
{
    gs_buf_need(out, line);
    put_field(out, name, gs_buf_text(line));
}

static void put_others(const struct gs_case *of, struct gs_buf *line)
{
    json_t *others = json_loads(of->wait.others, GS_KUBEJSON_LOAD, NULL);
    for (size_t i = 0; i < json_array_size(others); i++) {
        const char *name = json_string_value(json_object_get(json_array_get(others, i), "name"));
        gs_buf_printf(line, "%s%s", line->len > 0 ? ", " : "", name == NULL ? "?" : name);
    }
    json_decref(others);
}

static void put_facts(const struct gs_case *of, struct gs_buf *out)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf line;
    char age[GS_SCENE_AGE_MAX];
    gs_buf_init(&line, LINE_BYTES_MAX);
    gs_case_put_wants(of->pod.wants, of->pod.n_wants, &line);
    gs_buf_puts(&line, of->pod.n_wants == 0 ? "no GPU and no slice" : "");
    gs_buf_printf(&line, "; %" PRIu64 "m CPU, %" PRIu64 " MiB", of->pod.cpu_milli,
                  of->pod.memory_bytes >> 20);
    put_line(out, "asks for", &line);
    gs_scene_format_age(gs_scene_age_s(of->scene, of->wait.created_us), age);
    put_field(out, "created", of->wait.created_us == 0 ? "not told" : age);
    if (of->stored != NULL && of->decided) {
        gs_buf_reset(&line);
        gs_buf_printf(&line, "%d; %zu waiting pod%s first", of->pod.priority, of->before,
                      of->before == 1 ? " goes" : "s go");
        put_line(out, "priority", &line);
    }
    if (of->pod.node != NULL) {
        put_field(out, "node", of->pod.node);
    } else if (of->wait.nominated[0] != '\0') {
        gs_buf_reset(&line);
        gs_buf_printf(&line, "%s%s", of->wait.nominated,
                      strcmp(of->wait.booked, of->wait.nominated) == 0 ? ", by gpuslice"
                                                                       : ", not by gpuslice");
        put_line(out, "booked on", &line);
    }
    if (of->wait.gated || of->wait.n_others > 0) {
        gs_buf_reset(&line);
        gs_buf_puts(&line, of->wait.gated ? GS_KUBEWAIT_GATE : "");
        put_others(of, &line);
        put_line(out, "gates", &line);
    }
    if (of->pod.refused != NULL) {
        put_field(out, "refused", of->pod.refused);
    }
}

/* ---- the decision ---- */

static void put_decision(const struct gs_case *of, bool styled, struct gs_buf *out)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf line;
    const char *word = word_of(of);
    gs_buf_init(&line, LINE_BYTES_MAX);
    gs_buf_puts(out, "\n");
    if (of->state == GS_CASE_RECUT) {
        gs_buf_printf(&line, "a re-cut of node %s is under way: %s", of->wish_node,
                      of->wish->reason);
    } else if (of->state == GS_CASE_MOVE) {
        gs_buf_printf(&line, "pod %s is to leave node %s, and has room on node %s", of->move.pod,
                      of->move.from, of->move.to);
    } else if (word != NULL) {
        gs_buf_puts(&line, of->decided ? of->decision.why : of->cannot.msg);
    }
    gs_buf_need(out, &line);
    if (line.len > 0) {
        gs_buf_puts(out, word == NULL ? "Under way" : "Decision now");
        if (word != NULL && styled) {
            gs_buf_puts(out, ": ");
            gs_text_styled(out, GS_STYLE_BOLD, word);
        } else if (word != NULL) {
            gs_buf_printf(out, ": %s", word);
        }
        gs_buf_puts(out, "\n");
        gs_put_wrapped(out, "  ", gs_buf_text(&line));
    }
    gs_put_wrapped(out, "Next: ", of->next);
}

/* ---- nodes ---- */

/* Those that come near first, as they are worth the reader's time. */
static bool comes_near(enum gs_look_what what)
{
    return what != GS_LOOK_OTHER;
}

static void put_nodes(const struct gs_case *of, bool styled, struct gs_buf *out)
{
    static const struct gs_column columns[] = {{.title = "NODE"}, {.title = "FOR THIS POD"}};
    GS_CLEANUP(gs_table_freep) struct gs_table *table = gs_table_new(columns, 2);
    GS_CLEANUP(gs_buf_done) struct gs_buf cell;
    gs_buf_init(&cell, LINE_BYTES_MAX);
    const struct gs_nodes_view *view = &of->scene->view;
    size_t shown = 0;
    size_t near = 0;
    if (of->looks == NULL || view->n == 0) {
        return;
    }
    for (size_t i = 0; i < view->n; i++) {
        near += comes_near(of->looks[i].what);
    }
    for (size_t k = 0; k < view->n && shown < GS_WHY_NODES_SHOWN; k++) {
        uint32_t i = of->by_name[k];
        if (near > 0 && !comes_near(of->looks[i].what)) {
            continue;
        }
        gs_buf_reset(&cell);
        gs_case_put_look(of, i, &cell);
        gs_buf_need(out, &cell);
        gs_table_put(table, view->nodes[i].name);
        gs_table_put(table, gs_buf_text(&cell));
        shown++;
    }
    gs_buf_puts(out, "\n");
    gs_table_print(table, 0, styled, out);
    if (shown < view->n) {
        gs_buf_printf(out, "and %zu nodes more, %zu of them without such slices; -o json has all\n",
                      view->n - shown, view->n - near);
    }
}

/* ---- Events, help ---- */

static void put_events(const struct gs_why_answer *answer, bool styled, struct gs_buf *out)
{
    static const struct gs_column columns[] = {
        {.title = "AGO"}, {.title = "EVENT"}, {.title = "SAYS"}};
    GS_CLEANUP(gs_table_freep) struct gs_table *table = gs_table_new(columns, 3);
    unsigned first =
        answer->n_events > GS_WHY_EVENTS_SHOWN ? answer->n_events - GS_WHY_EVENTS_SHOWN : 0;
    if (answer->no_events != NULL) {
        gs_buf_puts(out, "\n");
        gs_put_wrapped(out, "Events were not read: ", answer->no_events->msg);
        return;
    }
    if (answer->n_events == 0) {
        return;
    }
    for (unsigned i = first; i < answer->n_events; i++) {
        const struct gs_why_event *event = &answer->events[i];
        char age[GS_SCENE_AGE_MAX];
        gs_scene_format_age(gs_scene_age_s(answer->of->scene, event->at_us), age);
        gs_table_put(table, event->at_us == 0 ? "-" : age);
        gs_table_put(table, event->reason);
        gs_table_style(table, event->warning ? GS_STYLE_BAD : GS_STYLE_PLAIN);
        gs_table_put(table, event->message);
    }
    gs_buf_puts(out, "\n");
    gs_table_print(table, 0, styled, out);
}

void gs_why_put_text(const struct gs_why_answer *answer, bool styled, struct gs_buf *out)
{
    const struct gs_case *of = answer->of;
    gs_buf_printf(out, "%s: %s\n", of->pod.id, gs_case_words(of));
    put_facts(of, out);
    put_decision(of, styled, out);
    put_nodes(of, styled, out);
    if (of->n_help > 0) {
        gs_buf_puts(out, "\nWhat would help:\n");
    }
    for (unsigned i = 0; i < of->n_help; i++) {
        gs_put_wrapped(out, "  - ", of->help[i]);
    }
    put_events(answer, styled, out);
    GS_CLEANUP(gs_buf_done) struct gs_buf unread;
    gs_buf_init(&unread, LINE_BYTES_MAX);
    gs_put_unread(of->scene, &unread);
    gs_buf_need(out, &unread);
    if (unread.len > 0) {
        gs_buf_puts(out, "\n");
        gs_buf_puts(out, gs_buf_text(&unread));
    }
}

/* ---- as a tree ---- */

static void put_wants_doc(const struct gs_case *of, struct gs_result *result, json_t *at)
{
    json_t *list = gs_result_array(result, at, "asks");
    for (size_t i = 0; i < of->pod.n_wants; i++) {
        const struct gs_want *want = &of->pod.wants[i];
        char name[GS_PROFILE_NAME_MAX + 1] = "";
        json_t *one = gs_result_object(result, list, NULL);
        if (!want->whole_gpu) {
            gs_profile_name_format(&want->profile, name);
        }
        gs_result_text(result, one, "profile", want->whole_gpu ? NULL : name);
        gs_result_number(result, one, "count", want->count);
    }
}

static void put_decision_doc(const struct gs_case *of, struct gs_result *result, json_t *at)
{
    const struct gs_decision *decision = &of->decision;
    if (word_of(of) == NULL) {
        gs_result_null(result, at, "decision");
        return;
    }
    json_t *one = gs_result_object(result, at, "decision");
    uint32_t node = decision->what == GS_DECIDE_WAIT ? decision->until_node : decision->node;
    gs_result_text(result, one, "what", word_of(of));
    gs_result_text(result, one, "why", of->decided ? decision->why : of->cannot.msg);
    if (!of->decided) {
        return;
    }
    gs_result_text(result, one, "node",
                   node == GS_DECIDE_NONE ? NULL : of->scene->view.nodes[node].name);
    gs_result_text(result, one, "instanceType",
                   decision->offer == GS_DECIDE_NONE ? NULL
                                                     : of->scene->offers[decision->offer].name);
    json_t *list = gs_result_array(result, one, "recuts");
    uint32_t on = decision->what == GS_DECIDE_MOVE ? decision->move.to_node : decision->node;
    for (unsigned i = 0; on != GS_DECIDE_NONE && i < decision->n_recuts; i++) {
        char layout[GS_LAYOUT_TEXT_MAX + 1];
        json_t *recut = gs_result_object(result, list, NULL);
        gs_layout_format(of->scene->view.nodes[on].model, &decision->recuts[i].layout, layout);
        gs_result_number(result, recut, "gpu", decision->recuts[i].gpu);
        gs_result_text(result, recut, "layout", layout);
    }
    gs_result_number(result, one, "podsBefore", of->before);
}

static const char *look_name(enum gs_look_what what)
{
    static const char *const names[] = {
        [GS_LOOK_FREE] = "free",         [GS_LOOK_COMES] = "comes",
        [GS_LOOK_RECUT] = "recut",       [GS_LOOK_OTHER] = "otherGpus",
        [GS_LOOK_UNUSABLE] = "unusable", [GS_LOOK_SMALL] = "tooFull",
        [GS_LOOK_BARRED] = "barred",     [GS_LOOK_SILENT] = "silentAgent",
        [GS_LOOK_IN_USE] = "inUse",      [GS_LOOK_KEPT] = "kept",
        [GS_LOOK_BOUND] = "bound",       [GS_LOOK_FULL] = "full",
    };
    return names[what];
}

static void put_nodes_doc(const struct gs_case *of, struct gs_result *result, json_t *at)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    json_t *list = gs_result_array(result, at, "nodes");
    gs_buf_init(&text, LINE_BYTES_MAX);
    for (size_t k = 0; of->looks != NULL && k < of->scene->view.n; k++) {
        uint32_t i = of->by_name[k];
        json_t *one = gs_result_object(result, list, NULL);
        gs_buf_reset(&text);
        gs_case_put_look(of, i, &text);
        result->failed |= !gs_buf_ok(&text);
        gs_result_text(result, one, "name", of->scene->view.nodes[i].name);
        gs_result_text(result, one, "state", look_name(of->looks[i].what));
        gs_result_text(result, one, "says", gs_buf_text(&text));
    }
}

static void put_events_doc(const struct gs_why_answer *answer, struct gs_result *result, json_t *at)
{
    if (answer->no_events != NULL) {
        gs_result_null(result, at, "events");
        return;
    }
    json_t *list = gs_result_array(result, at, "events");
    for (unsigned i = 0; i < answer->n_events; i++) {
        json_t *one = gs_result_object(result, list, NULL);
        gs_put_time(result, one, "at", answer->events[i].at_us);
        gs_result_text(result, one, "reason", answer->events[i].reason);
        gs_result_text(result, one, "message", answer->events[i].message);
        gs_result_bool(result, one, "warning", answer->events[i].warning);
        gs_result_number(result, one, "count", answer->events[i].count);
    }
}

void gs_why_put_doc(const struct gs_why_answer *answer, struct gs_result *result)
{
    static const char *const states[] = {
        [GS_CASE_FINISHED] = "finished",  [GS_CASE_ENDING] = "ending",
        [GS_CASE_BOUND] = "bound",        [GS_CASE_NO_SLICES] = "noSlices",
        [GS_CASE_DAEMON] = "daemonSet",   [GS_CASE_REFUSED] = "refused",
        [GS_CASE_BOOKED] = "booked",      [GS_CASE_OTHERS] = "otherGates",
        [GS_CASE_UNSEEN] = "notLookedAt", [GS_CASE_RECUT] = "recutUnderWay",
        [GS_CASE_MOVE] = "moveUnderWay",  [GS_CASE_DECIDED] = "waits",
    };
    const struct gs_case *of = answer->of;
    json_t *root = result->root;
    gs_result_text(result, root, "namespace", of->pod.name_space);
    gs_result_text(result, root, "pod", of->pod.name);
    gs_result_text(result, root, "state", states[of->state]);
    gs_result_text(result, root, "says", gs_case_words(of));
    gs_result_bool(result, root, "gated", of->wait.gated);
    gs_result_number(result, root, "otherGates", of->wait.n_others);
    gs_result_integer(result, root, "priority", of->pod.priority);
    gs_put_time(result, root, "created", of->wait.created_us);
    gs_result_text(result, root, "node", of->pod.node);
    gs_result_text(result, root, "nominatedNode",
                   of->wait.nominated[0] == '\0' ? NULL : of->wait.nominated);
    put_wants_doc(of, result, root);
    put_decision_doc(of, result, root);
    gs_result_text(result, root, "next", of->next);
    put_nodes_doc(of, result, root);
    json_t *help = gs_result_array(result, root, "help");
    for (unsigned i = 0; i < of->n_help; i++) {
        gs_result_text(result, help, NULL, of->help[i]);
    }
    put_events_doc(answer, result, root);
    gs_put_controller_doc(of->scene, result, root);
    gs_put_region_doc(of->scene, result, root);
    gs_put_unread_doc(of->scene, result, root);
}
