#include "wire/jsonwrite.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/view.h"
#include "wire/kubetime.h"

static void put(struct gs_jsonwrite *json, const char *bytes, size_t n)
{
    json->full = json->full || (gs_buf_ok(json->out) && n > json->out->max - json->out->len);
    gs_buf_put(json->out, bytes, n);
}

static void puts_plain(struct gs_jsonwrite *json, const char *text)
{
    put(json, text, strlen(text));
}

/* How many characters at the front stand in JSON as they are. */
static size_t plain_length(struct gs_view text)
{
    size_t n = 0;
    while (n < text.n && text.p[n] >= 0x20 && text.p[n] < 0x7f && text.p[n] != '"' &&
           text.p[n] != '\\') {
        n++;
    }
    return n;
}

static void put_text(struct gs_jsonwrite *json, const char *key, const char *text)
{
    struct gs_view rest = gs_view(text);
    put(json, "\"", 1);
    while (rest.n > 0) {
        size_t plain = plain_length(rest);
        if (plain > 0) {
            put(json, rest.p, plain);
            rest.p += plain;
            rest.n -= plain;
            continue;
        }
        uint32_t c;
        size_t n = gs_view_character(rest, &c);
        if (n == 0) {
            json->what = json->what == NULL ? key : json->what;
            return;
        }
        if (c < 0x20) {
            char escaped[8];
            snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned)c & 0xffff);
            puts_plain(json, escaped);
        } else {
            puts_plain(json, c == '"' || c == '\\' ? "\\" : "");
            put(json, rest.p, n);
        }
        rest.p += n;
        rest.n -= n;
    }
    put(json, "\"", 1);
}

/* What stands before a value. */
static void begin(struct gs_jsonwrite *json, const char *key)
{
    put(json, ",", json->comma);
    if (key != NULL) {
        put_text(json, "a key", key);
        put(json, ":", 1);
    }
    json->comma = true;
}

void gs_jsonwrite_open(struct gs_jsonwrite *json, const char *key, char bracket)
{
    begin(json, key);
    put(json, &bracket, 1);
    json->comma = false;
}

void gs_jsonwrite_close(struct gs_jsonwrite *json, char bracket)
{
    put(json, &bracket, 1);
    json->comma = true;
}

void gs_jsonwrite_text(struct gs_jsonwrite *json, const char *key, const char *text)
{
    begin(json, key);
    put_text(json, key == NULL ? "an element" : key, text);
}

void gs_jsonwrite_number(struct gs_jsonwrite *json, const char *key, uint64_t number)
{
    char digits[24];
    size_t at = sizeof(digits);
    begin(json, key);
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    put(json, digits + at, sizeof(digits) - at);
}

void gs_jsonwrite_real(struct gs_jsonwrite *json, const char *key, double number)
{
    char text[32];
    int digits = 1;
    assert(isfinite(number));
    do {
        snprintf(text, sizeof(text), "%.*g", digits, number);
    } while (strtod(text, NULL) != number && ++digits <= 17);
    begin(json, key);
    puts_plain(json, text);
}

void gs_jsonwrite_bool(struct gs_jsonwrite *json, const char *key, bool value)
{
    begin(json, key);
    puts_plain(json, value ? "true" : "false");
}

void gs_jsonwrite_null(struct gs_jsonwrite *json, const char *key)
{
    gs_jsonwrite_raw(json, key, "null", 4);
}

void gs_jsonwrite_raw(struct gs_jsonwrite *json, const char *key, const char *value, size_t n)
{
    begin(json, key);
    put(json, value, n);
}

void gs_jsonwrite_some(struct gs_jsonwrite *json, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        gs_jsonwrite_text(json, key, text);
    }
}

void gs_jsonwrite_time(struct gs_jsonwrite *json, const char *key, uint64_t us)
{
    char text[GS_KUBETIME_MAX];
    gs_kubetime_format(us, text);
    gs_jsonwrite_text(json, key, text);
}

int gs_jsonwrite_end(const struct gs_jsonwrite *json, const char *what, struct gs_err *err)
{
    if (json->what != NULL) {
        return gs_fail(err, GS_INVALID, "%s: \"%s\" is not UTF-8", what, json->what);
    }
    if (json->full) {
        return gs_fail(err, GS_LIMIT, "%s: more than %zu bytes of JSON", what, json->out->max);
    }
    return gs_buf_ok(json->out) ? 0
                                : gs_fail(err, GS_NO_MEMORY, "not enough memory to write %s", what);
}
