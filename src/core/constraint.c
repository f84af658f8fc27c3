#include "core/constraint.h"

#include <stdint.h>
#include <string.h>

/* What stands in the way when a term has no requirement to name. */
static const char empty_term[] = "nodeSelectorTerms";
static const char by_volumes[] = "its volumes";

#define HOST_LABEL "kubernetes.io/hostname"
#define ZONE_LABEL "topology.kubernetes.io/zone"
#define REGION_LABEL "topology.kubernetes.io/region"
/* On AWS the zone too, by the driver of its volumes. */
#define EBS_ZONE_LABEL "topology.ebs.csi.aws.com/zone"

/* A verdict and what it hangs on. */
struct finding {
    enum gs_verdict verdict;
    const char *because;
};

const char *gs_node_label(const struct gs_node_facts *facts, const char *key)
{
    for (size_t i = 0; i < facts->n_labels; i++) {
        if (strcmp(facts->labels[i].key, key) == 0) {
            return facts->labels[i].value;
        }
    }
    return NULL;
}

static const char *find_label(const struct gs_node_facts *facts, const char *key)
{
    const char *value = gs_node_label(facts, key);
    /* What the kubelet sets it to. */
    return value == NULL && strcmp(key, HOST_LABEL) == 0 ? facts->name : value;
}

static bool has_value(const struct gs_requirement *requirement, const char *value)
{
    for (size_t i = 0; i < requirement->n_values; i++) {
        if (strcmp(requirement->values[i], value) == 0) {
            return true;
        }
    }
    return false;
}

/* As Go's strconv.ParseInt(text, 10, 64), which Gt and Lt are defined by: no blanks. */
static bool read_integer(const char *text, int64_t *ret)
{
    bool negative = text[0] == '-';
    const char *digit = text + (negative || text[0] == '+');
    int64_t value = 0;
    if (*digit == '\0') {
        return false;
    }
    for (; *digit >= '0' && *digit <= '9'; digit++) {
        int64_t step = *digit - '0';
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, negative ? -step : step, &value)) {
            return false;
        }
    }
    *ret = value;
    return *digit == '\0';
}

/* The sides of Gt and Lt: `value` is NULL when only the requirement is to be read. */
static bool compares(const struct gs_requirement *requirement, const char *value, bool greater)
{
    int64_t bound;
    int64_t have;
    if (requirement->n_values != 1 || !read_integer(requirement->values[0], &bound)) {
        return false;
    }
    return value == NULL || (read_integer(value, &have) && (greater ? have > bound : have < bound));
}

/* `value` NULL: the node has no such label. */
static bool matches(const struct gs_requirement *requirement, const char *value)
{
    switch (requirement->op) {
    case GS_LABEL_IN:
        return value != NULL && has_value(requirement, value);
    case GS_LABEL_NOT_IN:
        return value == NULL || !has_value(requirement, value);
    case GS_LABEL_EXISTS:
        return value != NULL;
    case GS_LABEL_NOT_EXISTS:
        return value == NULL;
    case GS_LABEL_GT:
    case GS_LABEL_LT:
        return value != NULL && compares(requirement, value, requirement->op == GS_LABEL_GT);
    }
    return false;
}

/* Whether some label value, or none, could ever meet it. */
static bool can_match(const struct gs_requirement *requirement)
{
    switch (requirement->op) {
    case GS_LABEL_IN:
        return requirement->n_values > 0;
    case GS_LABEL_GT:
    case GS_LABEL_LT:
        return compares(requirement, NULL, requirement->op == GS_LABEL_GT);
    case GS_LABEL_NOT_IN:
    case GS_LABEL_EXISTS:
    case GS_LABEL_NOT_EXISTS:
        return true;
    }
    return false;
}

/* Whether a node may get such a label without its pool's doing. */
static bool is_given(const char *key)
{
    static const char *const domains[] = {"kubernetes.io", "k8s.io",  "karpenter.sh",
                                          "k8s.aws",       "kwok.sh", "amazonaws.com",
                                          "gpuslice.dev"};
    size_t n = strcspn(key, "/");
    for (size_t i = 0; key[n] == '/' && i < sizeof(domains) / sizeof(domains[0]); i++) {
        size_t n_domain = strlen(domains[i]);
        if (n >= n_domain && memcmp(key + n - n_domain, domains[i], n_domain) == 0 &&
            (n == n_domain || key[n - n_domain - 1] == '.')) {
            return true;
        }
    }
    return false;
}

static bool is_named(const struct gs_requirement *requirement)
{
    return requirement->on_field || strcmp(requirement->key, HOST_LABEL) == 0;
}

/* What a volume requires is on one node that is there: not on one that is not. */
static bool is_elsewhere(const struct gs_requirement *requirement,
                         const struct gs_node_facts *facts)
{
    return requirement->of_volume && facts->name == NULL && requirement->op == GS_LABEL_IN &&
           is_named(requirement);
}

/* Whether a volume's driver labels nodes with it, once it has started there. */
static bool is_drivers(const struct gs_requirement *requirement)
{
    return requirement->of_volume && !is_named(requirement) &&
           strcmp(requirement->key, ZONE_LABEL) != 0 && strcmp(requirement->key, REGION_LABEL) != 0;
}

/* A label that is to come: the zone is known before. */
static enum gs_verdict check_late(const struct gs_requirement *requirement,
                                  const struct gs_node_facts *facts)
{
    const char *zone =
        strcmp(requirement->key, EBS_ZONE_LABEL) == 0 ? find_label(facts, ZONE_LABEL) : NULL;
    if (zone == NULL || (matches(requirement, zone) && facts->name != NULL)) {
        return GS_VERDICT_UNKNOWN;
    }
    return matches(requirement, zone) ? GS_VERDICT_YES : GS_VERDICT_NO;
}

static const char *because_of(const struct gs_requirement *requirement)
{
    return requirement->of_volume ? by_volumes : requirement->key;
}

static enum gs_verdict check_requirement(const struct gs_requirement *requirement,
                                         const struct gs_node_facts *facts)
{
    const char *value = requirement->on_field ? NULL : find_label(facts, requirement->key);
    bool given = is_given(requirement->key) || is_drivers(requirement);
    bool known = value != NULL || facts->labels_complete || (facts->labels_by_pool && !given);
    if (requirement->on_field) {
        value = strcmp(requirement->key, "metadata.name") == 0 ? facts->name : NULL;
        known = value != NULL;
    }
    if (!can_match(requirement) || is_elsewhere(requirement, facts)) {
        return GS_VERDICT_NO;
    }
    if (value == NULL && is_drivers(requirement) && !matches(requirement, NULL)) {
        return check_late(requirement, facts);
    }
    if (!known) {
        return GS_VERDICT_UNKNOWN;
    }
    return matches(requirement, value) ? GS_VERDICT_YES : GS_VERDICT_NO;
}

/* All must hold: a sure NO counts more than what is not known. */
static struct finding check_all(const struct gs_term *term, const struct gs_node_facts *facts)
{
    struct finding found = {.verdict = GS_VERDICT_YES};
    for (size_t i = 0; i < term->n_requirements; i++) {
        enum gs_verdict verdict = check_requirement(&term->requirements[i], facts);
        if (verdict == GS_VERDICT_NO) {
            return (struct finding){GS_VERDICT_NO, because_of(&term->requirements[i])};
        }
        if (verdict == GS_VERDICT_UNKNOWN && found.verdict == GS_VERDICT_YES) {
            found = (struct finding){GS_VERDICT_UNKNOWN, term->requirements[i].key};
        }
    }
    return found;
}

/* One must hold; of several that do not, the first one not known is named, else the first. */
static struct finding check_terms(const struct gs_constraint *constraint,
                                  const struct gs_node_facts *facts)
{
    struct finding found = {.verdict = GS_VERDICT_YES};
    for (size_t i = 0; i < constraint->n_terms; i++) {
        const struct gs_term *term = &constraint->terms[i];
        struct finding one = term->n_requirements == 0 ? (struct finding){GS_VERDICT_NO, empty_term}
                                                       : check_all(term, facts);
        if (one.verdict == GS_VERDICT_YES) {
            return one;
        }
        if (i == 0 || (one.verdict == GS_VERDICT_UNKNOWN && found.verdict == GS_VERDICT_NO)) {
            found = one;
        }
    }
    return found;
}

/* Toleration.ToleratesTaint of k8s.io/api/core/v1. */
static bool tolerates(const struct gs_toleration *toleration, const struct gs_taint *taint)
{
    if (toleration->effect[0] != '\0' && strcmp(toleration->effect, taint->effect) != 0) {
        return false;
    }
    if (toleration->key[0] != '\0' && strcmp(toleration->key, taint->key) != 0) {
        return false;
    }
    return toleration->exists || strcmp(toleration->value, taint->value) == 0;
}

static bool is_tolerated(const struct gs_constraint *constraint, const struct gs_taint *taint)
{
    for (size_t i = 0; constraint != NULL && i < constraint->n_tolerations; i++) {
        if (tolerates(&constraint->tolerations[i], taint)) {
            return true;
        }
    }
    return false;
}

static bool keeps_pods_off(const struct gs_taint *taint)
{
    return strcmp(taint->effect, "NoSchedule") == 0 || strcmp(taint->effect, "NoExecute") == 0;
}

static struct finding check_taints(const struct gs_constraint *constraint,
                                   const struct gs_node_facts *facts)
{
    for (size_t i = 0; i < facts->n_taints; i++) {
        if (keeps_pods_off(&facts->taints[i]) && !is_tolerated(constraint, &facts->taints[i])) {
            return (struct finding){GS_VERDICT_NO, facts->taints[i].key};
        }
    }
    return (struct finding){.verdict = GS_VERDICT_YES};
}

static struct finding check(const struct gs_constraint *constraint,
                            const struct gs_node_facts *facts)
{
    struct finding taints = check_taints(constraint, facts);
    if (taints.verdict == GS_VERDICT_NO || constraint == NULL) {
        return taints;
    }
    struct finding selector = check_all(&constraint->selector, facts);
    if (selector.verdict == GS_VERDICT_NO) {
        return selector;
    }
    struct finding terms = check_terms(constraint, facts);
    bool selector_decides =
        selector.verdict == GS_VERDICT_UNKNOWN && terms.verdict != GS_VERDICT_NO;
    return selector_decides ? selector : terms;
}

enum gs_verdict gs_constraint_check(const struct gs_constraint *constraint,
                                    const struct gs_node_facts *facts, const char **ret_because)
{
    struct finding found = check(constraint, facts);
    if (ret_because != NULL && found.verdict != GS_VERDICT_YES) {
        *ret_because = found.because;
    }
    return found.verdict;
}

static bool requirement_eq(const struct gs_requirement *a, const struct gs_requirement *b)
{
    if (a->op != b->op || a->on_field != b->on_field || a->n_values != b->n_values ||
        a->of_volume != b->of_volume || strcmp(a->key, b->key) != 0) {
        return false;
    }
    for (size_t i = 0; i < a->n_values; i++) {
        if (strcmp(a->values[i], b->values[i]) != 0) {
            return false;
        }
    }
    return true;
}

static bool term_eq(const struct gs_term *a, const struct gs_term *b)
{
    if (a->n_requirements != b->n_requirements) {
        return false;
    }
    for (size_t i = 0; i < a->n_requirements; i++) {
        if (!requirement_eq(&a->requirements[i], &b->requirements[i])) {
            return false;
        }
    }
    return true;
}

static bool toleration_eq(const struct gs_toleration *a, const struct gs_toleration *b)
{
    return a->exists == b->exists && strcmp(a->key, b->key) == 0 &&
           strcmp(a->value, b->value) == 0 && strcmp(a->effect, b->effect) == 0;
}

bool gs_constraint_eq(const struct gs_constraint *a, const struct gs_constraint *b)
{
    static const struct gs_constraint none = {.n_terms = 0};
    a = a == NULL ? &none : a;
    b = b == NULL ? &none : b;
    if (a->n_terms != b->n_terms || a->n_tolerations != b->n_tolerations ||
        !term_eq(&a->selector, &b->selector)) {
        return false;
    }
    for (size_t i = 0; i < a->n_terms; i++) {
        if (!term_eq(&a->terms[i], &b->terms[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < a->n_tolerations; i++) {
        if (!toleration_eq(&a->tolerations[i], &b->tolerations[i])) {
            return false;
        }
    }
    return true;
}
