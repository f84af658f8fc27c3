#include "wire/kubestatus.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { RETRY_S_MAX = 3600 };

/* Copies text, '?' for what a terminal would obey; cut at a whole character. */
static void copy_clean(struct gs_view from, char *to, size_t size)
{
    size_t n = 0;
    while (from.n > 0) {
        uint32_t c;
        size_t k = gs_view_character(from, &c);
        bool bad = k == 0 || gs_character_is_control(c);
        k = k == 0 ? 1 : k;
        if (n + k >= size) {
            break;
        }
        if (bad) {
            to[n++] = c == '\n' || c == '\t' ? ' ' : '?';
        } else {
            memcpy(to + n, from.p, k);
            n += k;
        }
        from.p += k;
        from.n -= k;
    }
    to[n] = '\0';
}

static void copy_text(const json_t *object, const char *key, char *to, size_t size)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_string(value)) {
        copy_clean((struct gs_view){.p = json_string_value(value), .n = json_string_length(value)},
                   to, size);
    }
}

void gs_kubestatus_of(const struct json_t *value, struct gs_kubestatus *ret)
{
    *ret = (struct gs_kubestatus){.code = 0};
    copy_text(value, "reason", ret->reason, sizeof(ret->reason));
    copy_text(value, "message", ret->message, sizeof(ret->message));
    json_int_t code = json_integer_value(json_object_get(value, "code"));
    json_int_t retry_s =
        json_integer_value(json_object_get(json_object_get(value, "details"), "retryAfterSeconds"));
    ret->code = code >= 100 && code <= 599 ? (unsigned)code : 0;
    ret->retry_s = retry_s < 0 ? 0 : retry_s > RETRY_S_MAX ? RETRY_S_MAX : (uint32_t)retry_s;
}

void gs_kubestatus_read(struct gs_view body, struct gs_kubestatus *ret)
{
    json_t *value = json_loadb(body.p == NULL ? "" : body.p, body.n, 0, NULL);
    gs_kubestatus_of(value, ret);
    json_decref(value);
    if (ret->message[0] == '\0') {
        copy_clean(gs_view_trim(body), ret->message, sizeof(ret->message));
    }
}

int gs_kubestatus_code(unsigned http_status, int *ret_errno)
{
    *ret_errno = 0;
    if (http_status >= 200 && http_status <= 299) {
        return 0;
    }
    switch (http_status) {
    case 400:
    case 415:
    case 422:
        return GS_INVALID;
    case 401:
    case 403:
        *ret_errno = EPERM;
        return GS_IO;
    case 404:
        return GS_NOT_FOUND;
    case 409:
        return GS_BUSY;
    case 410:
        *ret_errno = ESTALE;
        return GS_IO;
    case 413:
        return GS_LIMIT;
    default:
        *ret_errno = gs_kubestatus_is_passing(http_status) ? EAGAIN : EPROTO;
        return GS_IO;
    }
}

bool gs_kubestatus_is_passing(unsigned http_status)
{
    return http_status == 429 ||
           (http_status >= 500 && http_status <= 599 && http_status != 501 && http_status != 505);
}
