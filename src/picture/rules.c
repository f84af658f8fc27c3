#include "picture/rules.h"

#include <stdlib.h>
#include <string.h>

#include "picture/rules_work.h"

#define ARENA_BYTES_MAX ((size_t)256 << 20)

void gs_rules_init(struct gs_rules *rules, struct gs_store *store, const struct gs_nodes_view *view)
{
    *rules = (struct gs_rules){.store = store, .view = view};
    gs_arena_init(&rules->arena, &gs_alloc_heap, ARENA_BYTES_MAX);
}

void gs_rules_done(struct gs_rules *rules)
{
    gs_arena_done(&rules->arena);
    free(rules->barred);
    free(rules->expected);
}

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the rules of a pod");
}

int gs_rules_expect(struct gs_rules *rules, const struct gs_store_pod *pod,
                    const struct gs_store_node *node, struct gs_err *err)
{
    if (rules->n_expected == rules->cap_expected) {
        size_t cap = rules->cap_expected == 0 ? 16 : 2 * rules->cap_expected;
        struct gs_rules_wished *wider = reallocarray(rules->expected, cap, sizeof(*wider));
        if (wider == NULL) {
            return no_memory(err);
        }
        rules->expected = wider;
        rules->cap_expected = cap;
    }
    rules->expected[rules->n_expected++] = (struct gs_rules_wished){.pod = pod, .node = node};
    return 0;
}

uint8_t gs_rules_name(struct gs_judging *judging, const char *what, bool amount)
{
    judging->rules->bars[judging->n_bars++] =
        (struct gs_decide_bar){.what = what, .amount = amount};
    return (uint8_t)judging->n_bars;
}

void gs_rules_by_place(struct gs_judging *judging, uint8_t what, const char *key)
{
    if (strcmp(key, "kubernetes.io/hostname") != 0) {
        judging->rules->bars[what - 1].by_place = true;
    }
}

void gs_rules_bar(struct gs_judging *judging, size_t i, uint8_t what, bool strict_alone)
{
    judging->later |= strict_alone;
    if (strict_alone && judging->hopeful) {
        return;
    }
    judging->any = true;
    if (judging->rules->barred[i] == 0) {
        judging->rules->barred[i] = what;
    }
}

/* ---- pods apart ---- */

/* Nodes in a domain with such pods. */
static void bar_domains(struct gs_judging *judging, const struct gs_domains *domains, uint8_t what)
{
    const struct gs_nodes_view *view = judging->rules->view;
    for (size_t i = 0; domains->total.all > 0 && i < view->n; i++) {
        if (gs_domains_at(domains, view->more[i].seat).all > 0) {
            gs_rules_bar(judging, i, what, false);
        }
    }
}

/* The domains of this label among those that are counted. NULL: no memory. */
static struct gs_domains *domains_by(struct gs_judging *judging, struct gs_domains **list,
                                     size_t *n, size_t *cap, const char *key)
{
    for (size_t i = 0; i < *n; i++) {
        if (strcmp((*list)[i].key, key) == 0) {
            return &(*list)[i];
        }
    }
    if (!gs_arena_room(&judging->rules->arena, list, cap, *n, sizeof(**list))) {
        return NULL;
    }
    (*list)[*n] = (struct gs_domains){.key = key};
    return &(*list)[(*n)++];
}

/* Pods that are there and are not to have this one beside them. */
static int judge_shunned(struct gs_judging *judging, struct gs_err *err)
{
    struct gs_domains *list = NULL;
    size_t n = 0;
    size_t cap = 0;
    int r = 0;
    const struct gs_store_rules *other = judging->rules->store->ruled;
    for (; r == 0 && other != NULL; other = other->next) {
        for (size_t t = 0; r == 0 && t < other->rules.n_apart; t++) {
            const struct gs_kuberules_term *term = &other->rules.apart[t];
            if (!gs_kuberules_is_about(term, judging->name_space, judging->labels,
                                       judging->n_labels)) {
                continue;
            }
            struct gs_domains *domains = domains_by(judging, &list, &n, &cap, term->topology_key);
            r = domains == NULL ? no_memory(err)
                                : gs_domains_put(judging, domains, other->shape, 0, err);
        }
    }
    uint8_t what =
        n == 0 ? 0 : gs_rules_name(judging, "required anti-affinity of pods there", false);
    for (size_t i = 0; i < n; i++) {
        gs_rules_by_place(judging, what, list[i].key);
        if (r == 0) {
            bar_domains(judging, &list[i], what);
        }
    }
    return r;
}

/* ---- pods that it is about ---- */

typedef int each_shape(struct gs_judging *judging, const struct gs_store_shape *shape, void *to,
                       struct gs_err *err);

static int walk_space(struct gs_judging *judging, const struct gs_store_space *space,
                      each_shape *each, void *to, struct gs_err *err)
{
    int r = 0;
    for (const struct gs_store_shape *shape = space->shapes; r == 0 && shape != NULL;
         shape = shape->next) {
        r = each(judging, shape, to, err);
    }
    return r;
}

/* The shapes that terms about these namespaces could be about. */
static int walk_shapes(struct gs_judging *judging, const struct gs_kuberules_term *term,
                       each_shape *each, void *to, struct gs_err *err)
{
    const struct gs_store *store = judging->rules->store;
    const struct gs_store_space *space;
    size_t at = 0;
    int r = 0;
    if (term->every_space || term->by_space) {
        while (r == 0 && (space = gs_map_next(&store->spaces, &at)) != NULL) {
            r = walk_space(judging, space, each, to, err);
        }
        return r;
    }
    for (size_t i = 0; r == 0 && i < term->n_spaces; i++) {
        space = gs_map_find(&store->spaces, term->spaces[i]);
        r = space == NULL ? 0 : walk_space(judging, space, each, to, err);
    }
    return r;
}

/* Whether all of the terms are about the shape. */
static int are_about(struct gs_judging *judging, const struct gs_kuberules_term *terms, size_t n,
                     const struct gs_store_shape *shape, bool *ret, struct gs_err *err)
{
    struct gs_arena *arena = &judging->rules->arena;
    struct gs_arena_mark mark = gs_arena_mark(arena);
    const struct gs_label *labels = gs_rules_labels(arena, shape);
    if (labels == NULL) {
        return no_memory(err);
    }
    *ret = true;
    for (size_t t = 0; *ret && t < n; t++) {
        *ret = gs_kuberules_is_about(&terms[t], shape->space->name, labels, shape->n_labels);
    }
    gs_arena_rewind(arena, mark);
    return 0;
}

struct asked {
    const struct gs_kuberules_term *terms;
    size_t n;
    struct gs_domains *domains; /* one a term */
};

static int put_if_asked(struct gs_judging *judging, const struct gs_store_shape *shape, void *to,
                        struct gs_err *err)
{
    const struct asked *asked = to;
    bool about;
    if (shape->pods == NULL && judging->n_wished == 0) {
        return 0;
    }
    int r = are_about(judging, asked->terms, asked->n, shape, &about, err);
    for (size_t t = 0; r == 0 && about && t < asked->n; t++) {
        r = gs_domains_put(judging, &asked->domains[t], shape, 0, err);
    }
    return r;
}

static int judge_apart(struct gs_judging *judging, struct gs_err *err)
{
    const struct gs_kuberules *own = judging->own;
    uint8_t what =
        own->n_apart == 0 ? 0 : gs_rules_name(judging, "its required pod anti-affinity", false);
    int r = 0;
    for (size_t t = 0; r == 0 && t < own->n_apart; t++) {
        struct gs_domains domains = {.key = own->apart[t].topology_key};
        gs_rules_by_place(judging, what, domains.key);
        struct asked asked = {.terms = &own->apart[t], .n = 1, .domains = &domains};
        r = walk_shapes(judging, &own->apart[t], put_if_asked, &asked, err);
        if (r == 0) {
            bar_domains(judging, &domains, what);
        }
    }
    return r;
}

/* ---- pods beside ---- */

/* The first of pods that want each other may go anywhere. */
static bool may_be_first(const struct gs_judging *judging)
{
    bool about = true;
    for (size_t t = 0; t < judging->own->n_beside; t++) {
        about = about && gs_kuberules_is_about(&judging->own->beside[t], judging->name_space,
                                               judging->labels, judging->n_labels);
    }
    return about;
}

/* Whether the node has every label, and pods in each of its domains: with pods on their way, and
 * without. */
static void look_beside(const struct gs_judging *judging, const struct gs_domains *domains,
                        uint32_t seat, bool first, bool *ret_all, bool *ret_bound)
{
    uint64_t total_all = 0;
    uint64_t total_bound = 0;
    *ret_all = *ret_bound = true;
    for (size_t t = 0; t < judging->own->n_beside; t++) {
        const struct gs_rules_count count = gs_domains_at(&domains[t], seat);
        if (gs_domains_number(&domains[t], seat) == 0) {
            *ret_all = *ret_bound = false;
            return;
        }
        *ret_all &= count.all > 0;
        *ret_bound &= count.bound > 0;
        total_all += domains[t].total.all;
        total_bound += domains[t].total.bound;
    }
    *ret_all |= total_all == 0 && first;
    *ret_bound |= total_bound == 0 && first;
}

static int judge_beside(struct gs_judging *judging, struct gs_err *err)
{
    const struct gs_kuberules *own = judging->own;
    const struct gs_nodes_view *view = judging->rules->view;
    struct gs_domains domains[GS_KUBERULES_TERMS_MAX] = {{.key = NULL}};
    struct gs_kuberules_term everywhere = {.every_space = true};
    if (own->n_beside == 0) {
        return 0;
    }
    int r = 0;
    for (size_t t = 0; r == 0 && t < own->n_beside; t++) {
        domains[t].key = own->beside[t].topology_key;
        r = gs_domains_open(judging, &domains[t], err);
    }
    struct asked asked = {.terms = own->beside, .n = own->n_beside, .domains = domains};
    bool one = own->n_beside == 1;
    r = r == 0 ? walk_shapes(judging, one ? own->beside : &everywhere, put_if_asked, &asked, err)
               : r;
    uint8_t what = gs_rules_name(judging, "its required pod affinity", false);
    bool first = may_be_first(judging);
    for (size_t t = 0; t < own->n_beside; t++) {
        gs_rules_by_place(judging, what, domains[t].key);
    }
    for (size_t i = 0; r == 0 && i < view->n; i++) {
        bool all;
        bool bound;
        look_beside(judging, domains, view->more[i].seat, first, &all, &bound);
        if (!all || !bound) {
            gs_rules_bar(judging, i, what, all);
        }
    }
    return r;
}

/* ---- a pod ---- */

/* Pods that are expected, and those for which nodes are being re-cut. */
static int find_wished(struct gs_judging *judging, struct gs_err *err)
{
    struct gs_rules *rules = judging->rules;
    size_t n = rules->n_expected;
    size_t cap = n;
    struct gs_rules_wished *list = GS_ARENA_NEW(&rules->arena, struct gs_rules_wished, n);
    if (list == NULL) {
        return no_memory(err);
    }
    if (n > 0) {
        memcpy(list, rules->expected, n * sizeof(*list));
    }
    for (size_t i = 0; rules->store->n_wishes > 0 && i < rules->view->n; i++) {
        const struct gs_store_node *node = rules->view->more[i].of;
        for (const struct gs_store_wish *wish = node->wishes; wish != NULL; wish = wish->next) {
            for (unsigned k = 0; k < wish->wish.n_pods; k++) {
                const struct gs_store_pod *pod = gs_store_pod_of(rules->store, &wish->wish.pods[k]);
                bool waits = pod != NULL && pod->waiting != NULL && pod->nominated == NULL;
                if (waits && !gs_arena_room(&rules->arena, &list, &cap, n, sizeof(*list))) {
                    return no_memory(err);
                }
                if (waits) {
                    list[n++] = (struct gs_rules_wished){.pod = pod, .node = node};
                }
            }
        }
    }
    judging->wished = list;
    judging->n_wished = n;
    return 0;
}

static int make_room(struct gs_rules *rules, struct gs_err *err)
{
    size_t n = rules->view->n;
    if (n > rules->cap) {
        uint8_t *wider = realloc(rules->barred, 2 * n);
        if (wider == NULL) {
            return no_memory(err);
        }
        rules->barred = wider;
        rules->cap = 2 * n;
    }
    if (n > 0) {
        memset(rules->barred, 0, n);
    }
    return 0;
}

static int judge(struct gs_judging *judging, struct gs_err *err)
{
    int r = find_wished(judging, err);
    gs_rules_amounts(judging);
    gs_rules_ports(judging);
    r = r == 0 ? judge_shunned(judging, err) : r;
    r = r == 0 ? judge_apart(judging, err) : r;
    r = r == 0 ? judge_beside(judging, err) : r;
    return r == 0 && judging->own->n_spreads > 0 ? gs_rules_spread(judging, err) : r;
}

int gs_rules_judge(struct gs_rules *rules, const struct gs_store_pod *pod, enum gs_rules_mood mood,
                   struct gs_decide_pod *ask, bool *ret_later, struct gs_err *err)
{
    static const struct gs_kuberules none = {.n_apart = 0};
    const struct gs_store_shape *shape = pod->shape;
    struct gs_arena_mark mark = gs_arena_mark(&rules->arena);
    ask->barred = NULL;
    if (ret_later != NULL) {
        *ret_later = false;
    }
    if (shape->rules == NULL && rules->store->ruled == NULL) {
        return 0;
    }
    struct gs_judging judging = {
        .rules = rules,
        .own = shape->rules == NULL ? &none : &shape->rules->rules,
        .constraint = pod->waiting->pod.constraint,
        .name_space = shape->space->name,
        .labels = gs_rules_labels(&rules->arena, shape),
        .n_labels = shape->n_labels,
        .hopeful = mood == GS_RULES_HOPEFUL,
    };
    int r = judging.labels == NULL ? no_memory(err) : make_room(rules, err);
    r = r == 0 ? judge(&judging, err) : r;
    gs_arena_rewind(&rules->arena, mark);
    if (r == 0 && judging.any) {
        ask->barred = rules->barred;
        ask->bars = rules->bars;
    }
    if (ret_later != NULL) {
        *ret_later = judging.later;
    }
    return r;
}

bool gs_rules_shuns(struct gs_store *store, struct gs_store_shape *shape)
{
    struct gs_arena arena;
    if (store->ruled == NULL || shape->shunned_as_of == store->rules_changes) {
        return store->ruled != NULL && shape->shunned;
    }
    gs_arena_init(&arena, &gs_alloc_heap, ARENA_BYTES_MAX);
    const struct gs_label *labels = gs_rules_labels(&arena, shape);
    bool shunned = labels == NULL; /* who knows */
    for (const struct gs_store_rules *other = store->ruled; !shunned && other != NULL;
         other = other->next) {
        for (size_t t = 0; !shunned && t < other->rules.n_apart; t++) {
            shunned = gs_kuberules_is_about(&other->rules.apart[t], shape->space->name, labels,
                                            shape->n_labels);
        }
    }
    gs_arena_done(&arena);
    shape->shunned = shunned;
    shape->shunned_as_of = store->rules_changes;
    return shunned;
}
