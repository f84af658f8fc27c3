/* Domains, that is, nodes with one value of a label, and the pods in them. */
#include <string.h>

#include "picture/rules_work.h"

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the rules of a pod");
}

/* Nodes of one kind have their labels in the same order. */
const char *gs_rules_value(const struct gs_store_node *node, const char *key, size_t *hint)
{
    const struct gs_node_facts *facts = &node->node.facts;
    if (!node->known) {
        return NULL;
    }
    if (strcmp(key, "kubernetes.io/hostname") == 0) {
        return node->host;
    }
    if (strcmp(key, "topology.kubernetes.io/zone") == 0) {
        return node->zone;
    }
    if (*hint < facts->n_labels && strcmp(facts->labels[*hint].key, key) == 0) {
        return facts->labels[*hint].value;
    }
    for (size_t i = 0; i < facts->n_labels; i++) {
        if (strcmp(facts->labels[i].key, key) == 0) {
            *hint = i;
            return facts->labels[i].value;
        }
    }
    return NULL;
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

const struct gs_rules_count *gs_domains_of(const struct gs_domains *domains, const char *value)
{
    return gs_map_find(&domains->values, value);
}

int gs_domains_add(struct gs_judging *judging, struct gs_domains *domains, const char *value,
                   struct gs_rules_count more, struct gs_err *err)
{
    struct gs_rules_count *count = gs_map_find(&domains->values, value);
    if (count == NULL) {
        count = GS_ARENA_NEW(&judging->rules->arena, struct gs_rules_count, 1);
        if (count == NULL || !gs_map_put(&domains->values, value, count)) {
            return no_memory(err);
        }
    }
    count->bound += more.bound;
    count->all += more.all;
    domains->total.bound += more.bound;
    domains->total.all += more.all;
    return 0;
}

static int put_pod(struct gs_judging *judging, struct gs_domains *domains,
                   const struct gs_store_node *node, bool bound, uint16_t spread, size_t *hint,
                   struct gs_err *err)
{
    const char *value = gs_rules_value(node, domains->key, hint);
    const struct gs_rules_count one = {.bound = bound, .all = 1};
    if (value == NULL || (spread != 0 && (node->spreads & spread) == 0)) {
        return 0;
    }
    return gs_domains_add(judging, domains, value, one, err);
}

int gs_domains_put(struct gs_judging *judging, struct gs_domains *domains,
                   const struct gs_store_shape *shape, uint16_t spread, struct gs_err *err)
{
    size_t hint = 0;
    int r = 0;
    for (const struct gs_store_pod *pod = shape->pods; r == 0 && pod != NULL;
         pod = pod->next_alike) {
        if (spread == 0 || !pod->deleting) {
            r = put_pod(judging, domains, pod->node != NULL ? pod->node : pod->nominated,
                        pod->node != NULL, spread, &hint, err);
        }
    }
    for (size_t w = 0; r == 0 && w < judging->n_wished; w++) {
        if (judging->wished[w].pod->shape == shape) {
            r = put_pod(judging, domains, judging->wished[w].node, false, spread, &hint, err);
        }
    }
    return r;
}

void gs_domains_done(struct gs_domains *domains)
{
    gs_map_done(&domains->values);
}
