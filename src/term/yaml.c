#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "base/cleanup.h"
#include "term/output.h"

/* One walk over a tree; the first event that libyaml refuses ends it. */
struct walk {
    yaml_emitter_t *emitter;
    bool failed;
};

static void emit(struct walk *walk, int initialised, yaml_event_t *event)
{
    if (walk->failed || initialised == 0) {
        walk->failed = true;
        return;
    }
    walk->failed = yaml_emitter_emit(walk->emitter, event) == 0;
}

/* Words that YAML 1.1 or 1.2 reads as null, true, false, a number or a merge key. */
static bool is_reserved_word(const char *text)
{
    static const char *const words[] = {"",     "~",     "null",  "true", "false", "yes",
                                        "no",   "on",    "off",   "y",    "n",     ".inf",
                                        ".nan", "+.inf", "-.inf", "<<",   "="};
    for (size_t i = 0; i < GS_ARRAY_LEN(words); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Begins as a number, a date or a time does, and goes on with nothing else: "1e3", "0x1F", "1_000",
 * "12:30", "2026-11-22". "1g.5gb" is none: no number has a g. */
static bool may_be_number(const char *text)
{
    return strchr("0123456789+-.", text[0]) != NULL &&
           text[strspn(text, "0123456789abcdefABCDEF+-._:xXoOtTzZ ")] == '\0';
}

static void emit_scalar(struct walk *walk, const char *text, yaml_scalar_style_t style)
{
    yaml_event_t event;
    int made = yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
                                            (int)strlen(text), 1, 1, style);
    emit(walk, made, &event);
}

static void emit_text(struct walk *walk, const char *text)
{
    bool quoted = is_reserved_word(text) || may_be_number(text);
    emit_scalar(walk, text,
                quoted                       ? YAML_SINGLE_QUOTED_SCALAR_STYLE
                : strchr(text, '\n') != NULL ? YAML_LITERAL_SCALAR_STYLE /* where it can be */
                                             : YAML_PLAIN_SCALAR_STYLE);
}

/* Numbers, true, false and null are written in YAML as in JSON. */
static void emit_simple(struct walk *walk, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    if (text == NULL) {
        walk->failed = true;
        return;
    }
    emit_scalar(walk, text, YAML_PLAIN_SCALAR_STYLE);
    free(text);
}

static void emit_value(struct walk *walk, json_t *value);

static void emit_object(struct walk *walk, json_t *object)
{
    yaml_event_t event;
    emit(walk, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE),
         &event);
    void *at = json_object_iter(object);
    for (; at != NULL && !walk->failed; at = json_object_iter_next(object, at)) {
        emit_text(walk, json_object_iter_key(at));
        emit_value(walk, json_object_iter_value(at));
    }
    emit(walk, yaml_mapping_end_event_initialize(&event), &event);
}

static void emit_array(struct walk *walk, json_t *array)
{
    yaml_event_t event;
    emit(walk,
         yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE),
         &event);
    for (size_t i = 0; i < json_array_size(array) && !walk->failed; i++) {
        emit_value(walk, json_array_get(array, i));
    }
    emit(walk, yaml_sequence_end_event_initialize(&event), &event);
}

static void emit_value(struct walk *walk, json_t *value)
{
    if (walk->failed) {
        return;
    }
    if (json_is_object(value)) {
        emit_object(walk, value);
    } else if (json_is_array(value)) {
        emit_array(walk, value);
    } else if (json_is_string(value)) {
        emit_text(walk, json_string_value(value));
    } else {
        emit_simple(walk, value);
    }
}

static int append(void *out, unsigned char *bytes, size_t n)
{
    gs_buf_put(out, (const char *)bytes, n);
    return gs_buf_ok(out) ? 1 : 0;
}

void gs_yaml_encode(json_t *tree, struct gs_buf *out)
{
    yaml_emitter_t emitter;
    if (yaml_emitter_initialize(&emitter) == 0) {
        out->failed = true;
        return;
    }
    yaml_emitter_set_output(&emitter, append, out);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    struct walk walk = {.emitter = &emitter};
    yaml_event_t event;
    emit(&walk, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING), &event);
    emit(&walk, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1), &event);
    emit_value(&walk, tree);
    emit(&walk, yaml_document_end_event_initialize(&event, 1), &event);
    emit(&walk, yaml_stream_end_event_initialize(&event), &event);
    yaml_emitter_delete(&emitter);
    if (walk.failed) {
        out->failed = true;
    }
}
