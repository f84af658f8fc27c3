#include "wire/kuberules.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "wire/kubeconstraint.h"
#include "wire/kubejson.h"

#define REQUIRED "requiredDuringSchedulingIgnoredDuringExecution"
#define SPACE_NAME "kubernetes.io/metadata.name"
#define WRITTEN_MAX ((size_t)64 << 20) /* more than any object becomes */

/* One pod being read. A rule that is odd is left out: only want of memory ends the reading. */
struct reading {
    struct gs_arena *arena;
    struct gs_kuberules rules;
};

static bool keeps(struct reading *reading, int r, enum gs_kubepod_unobeyed what)
{
    reading->rules.unread |= r != 0 ? 1u << what : 0;
    return r == 0;
}

/* ---- labels ---- */

static int read_labels(struct reading *reading, const json_t *metadata, struct gs_err *err)
{
    json_t *object = json_object_get(metadata, "labels");
    struct gs_label *labels =
        GS_ARENA_NEW(reading->arena, struct gs_label, json_object_size(object));
    size_t n = 0;
    const char *key;
    json_t *value;
    if (labels == NULL) {
        return gs_kubejson_no_memory(err);
    }
    json_object_foreach(object, key, value)
    {
        const char *text = json_string_value(value);
        if (text == NULL || !gs_kubejson_is_printable(key) || !gs_kubejson_is_printable(text)) {
            continue; /* no selector can ask for it */
        }
        labels[n].key = gs_arena_text(reading->arena, key, strlen(key));
        labels[n].value = gs_arena_text(reading->arena, text, strlen(text));
        if (labels[n].key == NULL || labels[n].value == NULL) {
            return gs_kubejson_no_memory(err);
        }
        n++;
    }
    reading->rules.labels = labels;
    reading->rules.n_labels = n;
    return 0;
}

static const char *label_of(const struct gs_kuberules *rules, const char *key)
{
    for (size_t i = 0; i < rules->n_labels; i++) {
        if (strcmp(rules->labels[i].key, key) == 0) {
            return rules->labels[i].value;
        }
    }
    return NULL;
}

/* ---- selectors ---- */

static int read_selector(const json_t *selector, struct gs_arena *arena,
                         struct gs_kuberules_selector *ret, struct gs_err *err)
{
    ret->nothing = selector == NULL || json_is_null(selector);
    return ret->nothing ? 0 : gs_kubeconstraint_labels(selector, arena, &ret->all, err);
}

/* Namespaces by their labels. Only their name is known here. */
static int read_space_selector(const json_t *selector, struct gs_arena *arena,
                               struct gs_kuberules_term *ret, struct gs_err *err)
{
    int r = gs_kubeconstraint_labels(selector, arena, &ret->space, err);
    for (size_t i = 0; r == 0 && i < ret->space.n_requirements; i++) {
        if (strcmp(ret->space.requirements[i].key, SPACE_NAME) != 0) {
            r = gs_fail(err, GS_INVALID, "labels of namespaces are not known");
        }
    }
    ret->by_space = r == 0 && ret->space.n_requirements > 0;
    ret->every_space = r == 0 && ret->space.n_requirements == 0;
    return r;
}

static int read_spaces(struct reading *reading, const json_t *term, struct gs_kuberules_term *ret,
                       struct gs_err *err)
{
    json_t *list = NULL;
    const json_t *selector = json_object_get(term, "namespaceSelector");
    bool selects = selector != NULL && !json_is_null(selector);
    int r = gs_kubejson_array(term, "namespaces", &list, err);
    size_t n = json_array_size(list);
    const char **spaces = GS_ARENA_NEW(reading->arena, const char *, n + 1);
    if (spaces == NULL) {
        return gs_kubejson_no_memory(err);
    }
    for (size_t i = 0; r == 0 && i < n; i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (name == NULL) {
            return gs_fail(err, GS_INVALID, "a namespace is no text");
        }
        spaces[i] = gs_arena_text(reading->arena, name, strlen(name));
        if (spaces[i] == NULL) {
            return gs_kubejson_no_memory(err);
        }
    }
    if (n == 0 && !selects) {
        spaces[n++] = reading->rules.name_space;
    }
    ret->spaces = spaces;
    ret->n_spaces = n;
    return r == 0 && selects ? read_space_selector(selector, reading->arena, ret, err) : r;
}

/* ---- affinity ---- */

static int read_term(struct reading *reading, const json_t *term, struct gs_kuberules_term *ret,
                     struct gs_err *err)
{
    int r = gs_kubejson_copy(term, "topologyKey", reading->arena, &ret->topology_key, err);
    if (r == 0 && ret->topology_key[0] == '\0') {
        r = gs_fail(err, GS_INVALID, "no topologyKey");
    }
    r = r == 0
            ? read_selector(json_object_get(term, "labelSelector"), reading->arena, &ret->pods, err)
            : r;
    return r == 0 ? read_spaces(reading, term, ret, err) : r;
}

static int read_terms(struct reading *reading, const json_t *affinity, const char *kind,
                      enum gs_kubepod_unobeyed what, const struct gs_kuberules_term **ret,
                      size_t *ret_n, struct gs_err *err)
{
    const json_t *list = json_object_get(json_object_get(affinity, kind), REQUIRED);
    size_t n = json_array_size(list);
    if (n > GS_KUBERULES_TERMS_MAX) {
        reading->rules.unread |= 1u << what;
        n = GS_KUBERULES_TERMS_MAX;
    }
    struct gs_kuberules_term *terms = GS_ARENA_NEW(reading->arena, struct gs_kuberules_term, n);
    if (terms == NULL) {
        return gs_kubejson_no_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        struct gs_kuberules_term term = {.topology_key = NULL};
        int r = read_term(reading, json_array_get(list, i), &term, err);
        if (r == GS_NO_MEMORY) {
            return r;
        }
        if (keeps(reading, r, what)) {
            terms[(*ret_n)++] = term;
        }
    }
    *ret = terms;
    return 0;
}

/* ---- spread ---- */

/* The pod's own values of these labels are required beside what the selector says. */
static int merge_keys(struct reading *reading, const json_t *keys, struct gs_term *term,
                      struct gs_err *err)
{
    size_t n = term->n_requirements;
    struct gs_requirement *all =
        GS_ARENA_NEW(reading->arena, struct gs_requirement, n + json_array_size(keys));
    if (all == NULL) {
        return gs_kubejson_no_memory(err);
    }
    if (n > 0) {
        memcpy(all, term->requirements, n * sizeof(*all));
    }
    for (size_t i = 0; i < json_array_size(keys); i++) {
        const char *key = json_string_value(json_array_get(keys, i));
        const char *value = key == NULL ? NULL : label_of(&reading->rules, key);
        const char **values = GS_ARENA_NEW(reading->arena, const char *, 1);
        const char *copy = value == NULL ? NULL : gs_arena_text(reading->arena, key, strlen(key));
        if (values == NULL || (value != NULL && copy == NULL)) {
            return gs_kubejson_no_memory(err);
        }
        if (value != NULL) {
            values[0] = value;
            all[n++] = (struct gs_requirement){
                .key = copy, .op = GS_LABEL_IN, .values = values, .n_values = 1};
        }
    }
    *term = (struct gs_term){.requirements = all, .n_requirements = n};
    return 0;
}

static int read_policy(const json_t *object, const char *key, bool *ret_honor, struct gs_err *err)
{
    const char *text = NULL;
    int r = gs_kubejson_text(object, key, &text, err);
    if (r != 0 || text == NULL) {
        return r;
    }
    *ret_honor = strcmp(text, "Honor") == 0;
    return *ret_honor || strcmp(text, "Ignore") == 0
               ? 0
               : gs_fail(err, GS_INVALID, "%s is neither Honor nor Ignore", key);
}

static int read_count(const json_t *object, const char *key, uint32_t *ret, struct gs_err *err)
{
    uint64_t number = 1;
    int r = gs_kubejson_number(object, key, INT32_MAX, &number, err);
    *ret = number > 0 ? (uint32_t)number : 1;
    return r;
}

static int read_spread(struct reading *reading, const json_t *object,
                       struct gs_kuberules_spread *ret, struct gs_err *err)
{
    bool honor_affinity = true;
    json_t *keys = NULL;
    int r = gs_kubejson_copy(object, "topologyKey", reading->arena, &ret->topology_key, err);
    if (r == 0 && ret->topology_key[0] == '\0') {
        r = gs_fail(err, GS_INVALID, "no topologyKey");
    }
    r = r == 0 ? read_selector(json_object_get(object, "labelSelector"), reading->arena, &ret->pods,
                               err)
               : r;
    r = r == 0 ? gs_kubejson_array(object, "matchLabelKeys", &keys, err) : r;
    r = r == 0 && !ret->pods.nothing ? merge_keys(reading, keys, &ret->pods.all, err) : r;
    r = r == 0 ? read_count(object, "maxSkew", &ret->max_skew, err) : r;
    r = r == 0 ? read_count(object, "minDomains", &ret->min_domains, err) : r;
    r = r == 0 ? read_policy(object, "nodeAffinityPolicy", &honor_affinity, err) : r;
    r = r == 0 ? read_policy(object, "nodeTaintsPolicy", &ret->without_taint, err) : r;
    ret->every_node = !honor_affinity;
    return r;
}

static bool is_strict(const json_t *constraint)
{
    const char *then = json_string_value(json_object_get(constraint, "whenUnsatisfiable"));
    return then == NULL || strcmp(then, "ScheduleAnyway") != 0;
}

static int read_spreads(struct reading *reading, const json_t *spec, struct gs_err *err)
{
    const json_t *list = json_object_get(spec, "topologySpreadConstraints");
    size_t n = 0;
    struct gs_kuberules_spread *spreads =
        GS_ARENA_NEW(reading->arena, struct gs_kuberules_spread,
                     json_array_size(list) > 0 ? GS_KUBERULES_TERMS_MAX : 0);
    if (spreads == NULL) {
        return gs_kubejson_no_memory(err);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct gs_kuberules_spread spread = {.max_skew = 1};
        const json_t *one = json_array_get(list, i);
        if (!is_strict(one)) {
            continue;
        }
        int r = n == GS_KUBERULES_TERMS_MAX ? gs_fail(err, GS_LIMIT, "too many constraints")
                                            : read_spread(reading, one, &spread, err);
        if (r == GS_NO_MEMORY) {
            return r;
        }
        if (keeps(reading, r, GS_UNOBEYED_SPREAD)) {
            spreads[n++] = spread;
        }
    }
    reading->rules.spreads = spreads;
    reading->rules.n_spreads = n;
    return 0;
}

/* ---- host ports ---- */

static int read_port(struct reading *reading, const json_t *object, struct gs_kuberules_port *ports,
                     struct gs_err *err)
{
    uint64_t number = 0;
    const char *ip = "";
    const char *protocol = "";
    int r = gs_kubejson_number(object, "hostPort", 65535, &number, err);
    r = r == 0 ? gs_kubejson_copy(object, "hostIP", reading->arena, &ip, err) : r;
    r = r == 0 ? gs_kubejson_copy(object, "protocol", reading->arena, &protocol, err) : r;
    if (r == GS_NO_MEMORY) {
        return r;
    }
    if (r == 0 && number > 0 && reading->rules.n_ports == GS_KUBERULES_PORTS_MAX) {
        r = gs_fail(err, GS_LIMIT, "too many host ports");
    }
    if (keeps(reading, r, GS_UNOBEYED_HOST_PORTS) && number > 0) {
        ports[reading->rules.n_ports++] =
            (struct gs_kuberules_port){.ip = ip[0] == '\0' ? "0.0.0.0" : ip,
                                       .protocol = protocol[0] == '\0' ? "TCP" : protocol,
                                       .port = (uint32_t)number};
    }
    return 0;
}

static bool has_host_port(const json_t *ports)
{
    for (size_t i = 0; i < json_array_size(ports); i++) {
        if (json_object_get(json_array_get(ports, i), "hostPort") != NULL) {
            return true;
        }
    }
    return false;
}

/* Of containers that run as long as the pod. */
static int read_ports_of(struct reading *reading, const json_t *list, bool starting,
                         struct gs_kuberules_port **ports, struct gs_err *err)
{
    int r = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *container = json_array_get(list, i);
        const json_t *all = json_object_get(container, "ports");
        const char *restarts = json_string_value(json_object_get(container, "restartPolicy"));
        bool stays = !starting || (restarts != NULL && strcmp(restarts, "Always") == 0);
        if (!stays || !has_host_port(all)) {
            continue;
        }
        if (*ports == NULL) {
            *ports = GS_ARENA_NEW(reading->arena, struct gs_kuberules_port, GS_KUBERULES_PORTS_MAX);
        }
        if (*ports == NULL) {
            return gs_kubejson_no_memory(err);
        }
        for (size_t k = 0; r == 0 && k < json_array_size(all); k++) {
            r = read_port(reading, json_array_get(all, k), *ports, err);
        }
    }
    return r;
}

static int read_ports(struct reading *reading, const json_t *spec, struct gs_err *err)
{
    struct gs_kuberules_port *ports = NULL;
    int r = read_ports_of(reading, json_object_get(spec, "initContainers"), true, &ports, err);
    r = r == 0 ? read_ports_of(reading, json_object_get(spec, "containers"), false, &ports, err)
               : r;
    reading->rules.ports = ports;
    return r;
}

/* ---- as a text ---- */

static void put_json(struct gs_buf *buf, const json_t *value)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (text != NULL) {
        gs_buf_puts(buf, text);
    } else if (value != NULL) {
        buf->failed = true;
    }
    gs_buf_puts(buf, "\n");
    free(text);
}

/* What is read above, and nothing of whose it is. */
static void put_rules(struct gs_buf *buf, const struct gs_kuberules *rules, const json_t *spec)
{
    const json_t *affinity = json_object_get(spec, "affinity");
    gs_buf_puts(buf, "\n");
    put_json(buf, json_object_get(json_object_get(affinity, "podAffinity"), REQUIRED));
    put_json(buf, json_object_get(json_object_get(affinity, "podAntiAffinity"), REQUIRED));
    put_json(buf, rules->n_spreads > 0 ? json_object_get(spec, "topologySpreadConstraints") : NULL);
    for (size_t i = 0; i < rules->n_ports; i++) {
        gs_buf_printf(buf, "%s %s %u\n", rules->ports[i].ip, rules->ports[i].protocol,
                      rules->ports[i].port);
    }
    for (size_t i = 0; i < rules->n_amounts; i++) {
        gs_buf_printf(buf, "%s %llu\n", rules->amounts[i].name,
                      (unsigned long long)rules->amounts[i].amount);
    }
    gs_buf_printf(buf, "%x", rules->unread);
}

static void put_labels(struct gs_buf *buf, const struct gs_kuberules *rules)
{
    gs_buf_printf(buf, "%s\n", rules->name_space);
    for (size_t i = 0; i < rules->n_labels; i++) {
        gs_buf_puts(buf, rules->labels[i].key);
        gs_buf_puts(buf, "=");
        gs_buf_puts(buf, rules->labels[i].value);
        gs_buf_puts(buf, "\n");
    }
}

/* Rules that are too long to be kept are as none; and labels, where they alone are. */
static void leave_out(struct gs_kuberules *rules, bool labels_too)
{
    const struct gs_kuberules left = {
        .name_space = rules->name_space,
        .labels = rules->labels,
        .n_labels = labels_too ? 0 : rules->n_labels,
        .amounts = rules->amounts,
        .n_amounts = rules->n_amounts,
        .unread = 1u << GS_UNOBEYED_POD_AFFINITY | 1u << GS_UNOBEYED_POD_ANTI_AFFINITY |
                  1u << GS_UNOBEYED_SPREAD | 1u << GS_UNOBEYED_HOST_PORTS};
    *rules = left;
}

static int write_text(struct reading *reading, const json_t *spec, struct gs_err *err)
{
    struct gs_kuberules *rules = &reading->rules;
    struct gs_buf buf;
    gs_buf_init(&buf, WRITTEN_MAX);
    for (unsigned tries = 0; tries < 3; tries++) {
        gs_buf_reset(&buf);
        put_labels(&buf, rules);
        if (gs_kuberules_any(rules)) {
            put_rules(&buf, rules, tries == 0 ? spec : NULL);
        }
        if (!gs_buf_ok(&buf) || buf.len <= GS_KUBERULES_TEXT_MAX) {
            break;
        }
        leave_out(rules, tries > 0);
    }
    rules->text =
        gs_buf_ok(&buf) ? gs_arena_text(reading->arena, gs_buf_text(&buf), buf.len) : NULL;
    gs_buf_done(&buf);
    return rules->text == NULL ? gs_kubejson_no_memory(err) : 0;
}

int gs_kuberules_parse(const struct json_t *object, const struct gs_kubepod *pod,
                       struct gs_arena *arena, struct gs_kuberules *ret, struct gs_err *err)
{
    const json_t *spec = json_object_get(object, "spec");
    const json_t *affinity = json_object_get(spec, "affinity");
    struct reading reading = {.arena = arena,
                              .rules = {.amounts = pod->others, .n_amounts = pod->n_others}};
    struct gs_kuberules *rules = &reading.rules;
    rules->name_space = gs_arena_text(arena, pod->name_space, strlen(pod->name_space));
    if (rules->name_space == NULL) {
        return gs_kubejson_no_memory(err);
    }
    int r = read_labels(&reading, json_object_get(object, "metadata"), err);
    r = r == 0 ? read_terms(&reading, affinity, "podAntiAffinity", GS_UNOBEYED_POD_ANTI_AFFINITY,
                            &rules->apart, &rules->n_apart, err)
               : r;
    r = r == 0 ? read_terms(&reading, affinity, "podAffinity", GS_UNOBEYED_POD_AFFINITY,
                            &rules->beside, &rules->n_beside, err)
               : r;
    r = r == 0 ? read_spreads(&reading, spec, err) : r;
    r = r == 0 ? read_ports(&reading, spec, err) : r;
    if (pod->more_others) {
        rules->unread |= 1u << GS_UNOBEYED_OTHER_RESOURCE;
    }
    r = r == 0 ? write_text(&reading, spec, err) : r;
    if (r == 0) {
        *ret = *rules;
    }
    return r;
}

/* ---- what they mean ---- */

bool gs_kuberules_any(const struct gs_kuberules *rules)
{
    return rules->n_apart + rules->n_beside + rules->n_spreads + rules->n_ports + rules->n_amounts >
               0 ||
           rules->unread != 0;
}

static bool meets(const struct gs_term *term, const struct gs_label *labels, size_t n)
{
    const struct gs_node_facts facts = {.labels = labels, .n_labels = n, .labels_complete = true};
    const struct gs_constraint constraint = {.selector = *term};
    return gs_constraint_check(&constraint, &facts, NULL) == GS_VERDICT_YES;
}

bool gs_kuberules_selects(const struct gs_kuberules_selector *selector,
                          const struct gs_label *labels, size_t n)
{
    return !selector->nothing && meets(&selector->all, labels, n);
}

bool gs_kuberules_is_about(const struct gs_kuberules_term *term, const char *name_space,
                           const struct gs_label *labels, size_t n)
{
    const struct gs_label name = {.key = SPACE_NAME, .value = name_space};
    bool here = term->every_space || (term->by_space && meets(&term->space, &name, 1));
    for (size_t i = 0; !here && i < term->n_spaces; i++) {
        here = strcmp(term->spaces[i], name_space) == 0;
    }
    return here && gs_kuberules_selects(&term->pods, labels, n);
}

bool gs_kuberules_clash(const struct gs_kuberules_port *a, const struct gs_kuberules_port *b)
{
    static const char all[] = "0.0.0.0";
    return a->port == b->port && strcmp(a->protocol, b->protocol) == 0 &&
           (strcmp(a->ip, b->ip) == 0 || strcmp(a->ip, all) == 0 || strcmp(b->ip, all) == 0);
}
