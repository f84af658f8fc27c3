#include "cli/doc.h"

#include <assert.h>
#include <string.h>

#include "core/model.h"

/* Takes `value` over, as jansson's _new functions do. */
static json_t *put(struct gs_doc *doc, json_t *at, const char *key, json_t *value)
{
    if (value == NULL || at == NULL || doc->failed) {
        doc->failed = true;
        json_decref(value);
        return NULL;
    }
    assert(json_is_object(at) == (key != NULL));
    int r = key == NULL ? json_array_append_new(at, value) : json_object_set_new(at, key, value);
    if (r < 0) {
        doc->failed = true;
        return NULL;
    }
    return value;
}

void gs_doc_init(struct gs_doc *doc)
{
    *doc = (struct gs_doc){.root = json_object()};
}

void gs_doc_done(struct gs_doc *doc)
{
    json_decref(doc->root);
    *doc = (struct gs_doc){.root = NULL};
}

json_t *gs_doc_object(struct gs_doc *doc, json_t *at, const char *key)
{
    return put(doc, at, key, json_object());
}

json_t *gs_doc_array(struct gs_doc *doc, json_t *at, const char *key)
{
    return put(doc, at, key, json_array());
}

/* jansson refuses text that is not UTF-8. */
static json_t *text_value(const char *text)
{
    json_t *value = json_string(text);
    if (value != NULL) {
        return value;
    }
    char *copy = strdup(text);
    for (char *p = copy; p != NULL && *p != '\0'; p++) {
        *p = (unsigned char)*p < 0x80 ? *p : '?';
    }
    value = copy == NULL ? NULL : json_string(copy);
    free(copy);
    return value;
}

void gs_doc_text(struct gs_doc *doc, json_t *at, const char *key, const char *text)
{
    put(doc, at, key, text == NULL ? json_null() : text_value(text));
}

void gs_doc_bool(struct gs_doc *doc, json_t *at, const char *key, bool value)
{
    put(doc, at, key, json_boolean(value));
}

void gs_doc_null(struct gs_doc *doc, json_t *at, const char *key)
{
    put(doc, at, key, json_null());
}

void gs_doc_number(struct gs_doc *doc, json_t *at, const char *key, uint64_t value)
{
    put(doc, at, key, value > INT64_MAX ? NULL : json_integer((json_int_t)value));
}

void gs_doc_known(struct gs_doc *doc, json_t *at, const char *key, uint32_t value)
{
    put(doc, at, key, value == GS_NOT_KNOWN ? json_null() : json_integer(value));
}

void gs_doc_fixed(struct gs_doc *doc, json_t *at, const char *key, uint64_t value, unsigned places)
{
    double divisor = 1;
    for (unsigned i = 0; i < places; i++) {
        divisor *= 10;
    }
    put(doc, at, key, json_real((double)value / divisor));
}
