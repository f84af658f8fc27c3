#include "wire/emf.h"

#include <math.h>
#include <string.h>

#include "wire/jsonwrite.h"

static const char *const units[GS_EMF_UNITS] = {
    [GS_EMF_NONE] = "None",       [GS_EMF_COUNT] = "Count", [GS_EMF_PERCENT] = "Percent",
    [GS_EMF_SECONDS] = "Seconds", [GS_EMF_BYTES] = "Bytes", [GS_EMF_MEGABYTES] = "Megabytes",
};

/* ---- what CloudWatch takes ---- */

static bool is_plain(char c)
{
    return c >= 0x20 && c < 0x7f;
}

/* 1 to `max` printable ASCII characters, not all blank. */
static bool is_text(const char *text, size_t max)
{
    size_t n = strnlen(text, max + 1);
    size_t blank = strspn(text, " ");
    for (size_t i = 0; i < n; i++) {
        if (!is_plain(text[i])) {
            return false;
        }
    }
    return n <= max && blank < n;
}

static bool is_name(const char *text)
{
    return text[0] != ':' && is_text(text, GS_EMF_NAME_MAX) && strcmp(text, "_aws") != 0;
}

bool gs_emf_is_namespace(const char *text)
{
    static const char may[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._#:/-";
    size_t n = strnlen(text, GS_EMF_NAMESPACE_MAX + 1);
    return n > 0 && n <= GS_EMF_NAMESPACE_MAX && strspn(text, may) == n && text[0] != ':';
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* 8-4-4-4-12 hexadecimal digits, anywhere: "GPU-5e2c...", a pod's uid, a volume's name. */
static bool has_uuid(const char *text)
{
    static const char shape[] = "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";
    for (; *text != '\0'; text++) {
        size_t i = 0;
        while (shape[i] != '\0' && (shape[i] == '-' ? text[i] == '-' : is_hex(text[i]))) {
            i++;
        }
        if (shape[i] == '\0') {
            return true;
        }
    }
    return false;
}

void gs_emf_value(const char *text, char *ret, size_t size)
{
    size_t n = 0;
    bool blank = true;
    for (; text[n] != '\0' && n + 1 < size; n++) {
        ret[n] = is_plain(text[n]) ? text[n] : '?';
        blank = blank && ret[n] == ' ';
    }
    ret[n] = '\0';
    if (blank && size > 1) {
        ret[0] = '-';
        ret[1] = '\0';
    }
}

static bool is_known(const struct gs_emf_metric *metric)
{
    return isfinite(metric->value) && fabs(metric->value) <= 0x1p360;
}

/* ---- checks ---- */

static const struct gs_emf_member *member_of(const struct gs_emf *emf, const char *name)
{
    for (unsigned i = 0; i < emf->n_members; i++) {
        if (strcmp(emf->members[i].name, name) == 0) {
            return &emf->members[i];
        }
    }
    return NULL;
}

static int check_dimension(const struct gs_emf *emf, const struct gs_emf_set *set, unsigned i,
                           struct gs_err *err)
{
    const char *name = set->names[i];
    const struct gs_emf_member *member = member_of(emf, name);
    for (unsigned k = 0; k < i; k++) {
        if (strcmp(set->names[k], name) == 0) {
            return gs_fail(err, GS_INVALID, "dimension %.80s is twice in its set", name);
        }
    }
    if (!is_name(name)) {
        return gs_fail(err, GS_INVALID,
                       "\"%.80s\" is no name of a dimension: expected 1 to %d printable ASCII "
                       "characters, no ':' first, not _aws",
                       name, GS_EMF_NAME_MAX);
    }
    if (member == NULL) {
        return gs_fail(err, GS_INVALID, "dimension %.80s has no value", name);
    }
    if (!is_text(member->value, GS_EMF_VALUE_MAX)) {
        return gs_fail(err, GS_INVALID,
                       "dimension %.80s is \"%.80s\": expected 1 to %d printable ASCII characters",
                       name, member->value, GS_EMF_VALUE_MAX);
    }
    return has_uuid(member->value)
               ? gs_fail(err, GS_INVALID,
                         "dimension %.80s is %.80s: each UUID would be a metric that is paid for; "
                         "keep it as a plain member",
                         name, member->value)
               : 0;
}

static int check_names(const struct gs_emf *emf, struct gs_err *err)
{
    for (unsigned i = 0; i < emf->n_members; i++) {
        const char *name = emf->members[i].name;
        if (name[0] == '\0' || strcmp(name, "_aws") == 0 ||
            member_of(emf, name) != &emf->members[i]) {
            return gs_fail(err, GS_INVALID, "member \"%.80s\" is empty, reserved or there twice",
                           name);
        }
    }
    for (unsigned i = 0; i < emf->n_metrics; i++) {
        const struct gs_emf_metric *metric = &emf->metrics[i];
        bool twice = member_of(emf, metric->name) != NULL;
        for (unsigned k = 0; k < i && !twice; k++) {
            twice = strcmp(emf->metrics[k].name, metric->name) == 0;
        }
        if (!is_name(metric->name) || twice || (unsigned)metric->unit >= GS_EMF_UNITS) {
            return gs_fail(err, GS_INVALID, "metric \"%.80s\": %s", metric->name,
                           twice ? "the name is taken"
                                 : "expected 1 to 250 printable ASCII characters, no ':' first, "
                                   "not _aws, and a known unit");
        }
    }
    return 0;
}

static int check(const struct gs_emf *emf, struct gs_err *err)
{
    if (!gs_emf_is_namespace(emf->name_space)) {
        return gs_fail(err, GS_INVALID,
                       "\"%.80s\" is no namespace of CloudWatch: expected 1 to %d of letters, "
                       "digits and . _ # : / -, no ':' first",
                       emf->name_space, GS_EMF_NAMESPACE_MAX);
    }
    if (emf->n_sets == 0 || emf->n_sets > GS_EMF_SETS_MAX || emf->n_members > GS_EMF_MEMBERS_MAX ||
        emf->n_metrics > GS_EMF_RECORD_METRICS_MAX) {
        return gs_fail(err, GS_LIMIT,
                       "%u sets, %u members, %u metrics: expected 1 to %d, at most %d, at most %d",
                       emf->n_sets, emf->n_members, emf->n_metrics, GS_EMF_SETS_MAX,
                       GS_EMF_MEMBERS_MAX, GS_EMF_RECORD_METRICS_MAX);
    }
    for (unsigned s = 0; s < emf->n_sets; s++) {
        if (emf->sets[s].n > GS_EMF_DIMENSIONS_MAX) {
            return gs_fail(err, GS_LIMIT, "a set of %u dimensions: CloudWatch takes %d",
                           emf->sets[s].n, GS_EMF_DIMENSIONS_MAX);
        }
        for (unsigned i = 0; i < emf->sets[s].n; i++) {
            int r = check_dimension(emf, &emf->sets[s], i, err);
            if (r != 0) {
                return r;
            }
        }
    }
    return check_names(emf, err);
}

/* ---- a line ---- */

static void write_directive(const struct gs_emf *emf, unsigned from, unsigned to,
                            struct gs_jsonwrite *json)
{
    gs_jsonwrite_open(json, "_aws", '{');
    gs_jsonwrite_number(json, "Timestamp", emf->at_ms);
    gs_jsonwrite_open(json, "CloudWatchMetrics", '[');
    gs_jsonwrite_open(json, NULL, '{');
    gs_jsonwrite_text(json, "Namespace", emf->name_space);
    gs_jsonwrite_open(json, "Dimensions", '[');
    for (unsigned s = 0; s < emf->n_sets; s++) {
        gs_jsonwrite_open(json, NULL, '[');
        for (unsigned i = 0; i < emf->sets[s].n; i++) {
            gs_jsonwrite_text(json, NULL, emf->sets[s].names[i]);
        }
        gs_jsonwrite_close(json, ']');
    }
    gs_jsonwrite_close(json, ']');
    gs_jsonwrite_open(json, "Metrics", '[');
    for (unsigned i = from; i < to; i++) {
        if (is_known(&emf->metrics[i])) {
            gs_jsonwrite_open(json, NULL, '{');
            gs_jsonwrite_text(json, "Name", emf->metrics[i].name);
            gs_jsonwrite_text(json, "Unit", units[emf->metrics[i].unit]);
            gs_jsonwrite_close(json, '}');
        }
    }
    gs_jsonwrite_close(json, ']');
    gs_jsonwrite_close(json, '}');
    gs_jsonwrite_close(json, ']');
    gs_jsonwrite_close(json, '}');
}

static int write_line(const struct gs_emf *emf, unsigned from, unsigned to, struct gs_buf *line,
                      struct gs_err *err)
{
    struct gs_jsonwrite json = {.out = line};
    gs_jsonwrite_open(&json, NULL, '{');
    write_directive(emf, from, to, &json);
    for (unsigned i = 0; i < emf->n_members; i++) {
        gs_jsonwrite_text(&json, emf->members[i].name, emf->members[i].value);
    }
    for (unsigned i = from; i < to; i++) {
        if (is_known(&emf->metrics[i])) {
            gs_jsonwrite_real(&json, emf->metrics[i].name, emf->metrics[i].value);
        }
    }
    gs_jsonwrite_close(&json, '}');
    return gs_jsonwrite_end(&json, "a line of metrics", err);
}

/* Up to which metric one line goes: GS_EMF_METRICS_MAX that are known. */
static unsigned end_of_line(const struct gs_emf *emf, unsigned from, unsigned *ret_known)
{
    unsigned to = from;
    *ret_known = 0;
    while (to < emf->n_metrics && *ret_known < GS_EMF_METRICS_MAX) {
        *ret_known += is_known(&emf->metrics[to++]);
    }
    return to;
}

int gs_emf_write(const struct gs_emf *emf, struct gs_buf *out, struct gs_err *err)
{
    struct gs_buf lines;
    struct gs_buf line;
    int r = check(emf, err);
    if (r != 0) {
        return r;
    }
    gs_buf_init(&lines, out->max - out->len);
    gs_buf_init(&line, GS_EMF_LINE_MAX);
    for (unsigned from = 0, to; r == 0 && from < emf->n_metrics; from = to) {
        unsigned known;
        to = end_of_line(emf, from, &known);
        gs_buf_reset(&line);
        r = known > 0 ? write_line(emf, from, to, &line, err) : 0;
        if (r == 0 && line.len + (known > 0) > lines.max - lines.len) {
            r = gs_fail(err, GS_LIMIT, "lines of metrics: more than %zu bytes", out->max);
        } else if (r == 0 && known > 0) {
            gs_buf_put(&lines, gs_buf_text(&line), line.len);
            gs_buf_puts(&lines, "\n");
        }
    }
    if (r == 0) {
        gs_buf_put(gs_buf_ok(&lines) ? out : &lines, gs_buf_text(&lines), lines.len);
        r = gs_buf_ok(&lines) && gs_buf_ok(out)
                ? 0
                : gs_fail(err, GS_NO_MEMORY, "not enough memory to write lines of metrics");
    }
    gs_buf_done(&line);
    gs_buf_done(&lines);
    return r;
}
