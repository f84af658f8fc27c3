/* Domains, that is, nodes with one value of a label, and the pods in them. */
#include <string.h>

#include "picture/rules_work.h"

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the rules of a pod");
}

/* "namespace\nkey=value\nkey=value\n" */
const struct gs_label *gs_rules_labels(struct gs_arena *arena, const struct gs_store_shape *shape)
{
    static const struct gs_label none;
    const char *at = strchr(shape->text, '\n');
    if (shape->n_labels == 0 || at == NULL) {
        return &none;
    }
    const char *end = strstr(at, "\n\n");
    char *text = gs_arena_text(arena, at + 1, end == NULL ? strlen(at + 1) : (size_t)(end - at));
    struct gs_label *labels = GS_ARENA_NEW(arena, struct gs_label, shape->n_labels);
    if (text == NULL || labels == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < shape->n_labels; i++) {
        char *line = strchrnul(text, '\n');
        char *equals = memchr(text, '=', (size_t)(line - text));
        bool last = *line == '\0';
        *line = '\0';
        labels[i] = (struct gs_label){.key = text, .value = equals == NULL ? line : equals + 1};
        if (equals != NULL) {
            *equals = '\0';
        }
        text = last ? line : line + 1;
    }
    return labels;
}

int gs_domains_open(struct gs_judging *judging, struct gs_domains *domains, struct gs_err *err)
{
    int r = gs_places_by(&judging->rules->store->places, domains->key, &domains->label, err);
    domains->open = r == 0;
    if (r != 0 || domains->label == NULL) {
        return r;
    }
    domains->counts =
        GS_ARENA_NEW(&judging->rules->arena, struct gs_rules_count, domains->label->n_numbers + 1u);
    return domains->counts == NULL ? no_memory(err) : 0;
}

static int put_pod(struct gs_judging *judging, struct gs_domains *domains,
                   const struct gs_store_node *node, bool bound,
                   const struct gs_rules_counted *spread, struct gs_err *err)
{
    const struct gs_node_facts *facts = node->known ? &node->node.facts : NULL;
    if (!domains->open && facts != NULL && gs_node_label(facts, domains->key) != NULL) {
        int r = gs_domains_open(judging, domains, err);
        if (r != 0) {
            return r;
        }
    }
    uint32_t number = gs_domains_number(domains, node->seat);
    if (number != 0 && (spread == NULL || (spread->by_seat[node->seat] & spread->bit) != 0)) {
        domains->counts[number].bound += bound;
        domains->counts[number].all++;
        domains->total.bound += bound;
        domains->total.all++;
    }
    return 0;
}

int gs_domains_put(struct gs_judging *judging, struct gs_domains *domains,
                   const struct gs_store_shape *shape, const struct gs_rules_counted *spread,
                   struct gs_err *err)
{
    int r = 0;
    for (const struct gs_store_pod *pod = shape->pods; r == 0 && pod != NULL;
         pod = pod->next_alike) {
        if (spread == NULL || !pod->deleting) {
            r = put_pod(judging, domains, pod->node != NULL ? pod->node : pod->nominated,
                        pod->node != NULL, spread, err);
        }
    }
    for (size_t w = 0; r == 0 && w < judging->n_wished; w++) {
        if (judging->wished[w].pod->shape == shape) {
            r = put_pod(judging, domains, judging->wished[w].node, false, spread, err);
        }
    }
    return r;
}
