#include "wire/grpc_status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

struct word {
    const char *name;
    enum gs_code code;
};

static const struct word words[] = {
    [GS_GRPC_OK] = {"OK", GS_OK},
    [GS_GRPC_CANCELLED] = {"CANCELLED", GS_IO},
    [GS_GRPC_UNKNOWN] = {"UNKNOWN", GS_IO}, /* what Go makes of an error without a status */
    [GS_GRPC_INVALID_ARGUMENT] = {"INVALID_ARGUMENT", GS_INVALID},
    [GS_GRPC_DEADLINE_EXCEEDED] = {"DEADLINE_EXCEEDED", GS_LIMIT},
    [GS_GRPC_NOT_FOUND] = {"NOT_FOUND", GS_NOT_FOUND},
    [GS_GRPC_ALREADY_EXISTS] = {"ALREADY_EXISTS", GS_BUSY},
    [GS_GRPC_PERMISSION_DENIED] = {"PERMISSION_DENIED", GS_IO},
    [GS_GRPC_RESOURCE_EXHAUSTED] = {"RESOURCE_EXHAUSTED", GS_LIMIT},
    [GS_GRPC_FAILED_PRECONDITION] = {"FAILED_PRECONDITION", GS_INFEASIBLE},
    [GS_GRPC_ABORTED] = {"ABORTED", GS_BUSY},
    [GS_GRPC_OUT_OF_RANGE] = {"OUT_OF_RANGE", GS_INVALID},
    [GS_GRPC_UNIMPLEMENTED] = {"UNIMPLEMENTED", GS_UNSUPPORTED},
    [GS_GRPC_INTERNAL] = {"INTERNAL", GS_IO},
    [GS_GRPC_UNAVAILABLE] = {"UNAVAILABLE", GS_IO},
    [GS_GRPC_DATA_LOSS] = {"DATA_LOSS", GS_IO},
    [GS_GRPC_UNAUTHENTICATED] = {"UNAUTHENTICATED", GS_IO},
};

static const struct word *word_of(enum gs_grpc_status status)
{
    unsigned at = (unsigned)status;
    return &words[at < GS_ARRAY_LEN(words) ? at : GS_GRPC_UNKNOWN];
}

const char *gs_grpc_status_name(enum gs_grpc_status status)
{
    return word_of(status)->name;
}

enum gs_code gs_grpc_status_code(enum gs_grpc_status status)
{
    return word_of(status)->code;
}

enum gs_grpc_status gs_grpc_status_of(int code)
{
    switch ((enum gs_code)code) {
    case GS_OK:
        return GS_GRPC_OK;
    case GS_INVALID:
    case GS_AMBIGUOUS:
        return GS_GRPC_INVALID_ARGUMENT;
    case GS_NOT_FOUND:
        return GS_GRPC_NOT_FOUND;
    case GS_LIMIT:
    case GS_NO_MEMORY:
        return GS_GRPC_RESOURCE_EXHAUSTED;
    case GS_INFEASIBLE:
    case GS_UNKNOWN:
        return GS_GRPC_FAILED_PRECONDITION;
    case GS_BUSY:
        return GS_GRPC_UNAVAILABLE;
    case GS_IO:
        return GS_GRPC_INTERNAL;
    case GS_UNSUPPORTED:
        return GS_GRPC_UNIMPLEMENTED;
    }
    return GS_GRPC_UNKNOWN;
}

void gs_grpc_text_encode(const char *text, struct gs_buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t n = strnlen(text, GS_GRPC_STATUS_TEXT_MAX);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x20 && c < 0x7F && c != '%') {
            gs_buf_put(out, &text[i], 1);
        } else {
            gs_buf_put(out, (const char[]){'%', digits[c >> 4], digits[c & 0xF]}, 3);
        }
    }
}

/* The value of a hexadecimal digit; negative: it is none. */
static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void gs_grpc_text_decode(struct gs_view value, char ret_text[GS_GRPC_STATUS_TEXT_MAX])
{
    size_t at = 0;
    while (value.n > 0 && at < GS_GRPC_STATUS_TEXT_MAX - 1) {
        char c = *value.p;
        size_t used = 1;
        if (c == '%' && value.n >= 3 && digit(value.p[1]) >= 0 && digit(value.p[2]) >= 0) {
            c = (char)(digit(value.p[1]) << 4 | digit(value.p[2]));
            used = 3;
        }
        ret_text[at++] = (unsigned char)c < 0x20 || c == 0x7F ? '?' : c;
        value.p += used;
        value.n -= used;
    }
    ret_text[at] = '\0';
}

/* Nanoseconds are rounded up: a timeout of something is not one of nothing. */
bool gs_grpc_timeout_parse(struct gs_view value, uint64_t *ret_us)
{
    static const struct {
        char unit;
        uint64_t us;
    } units[] = {{'H', 3600000000}, {'M', 60000000}, {'S', 1000000}, {'m', 1000}, {'u', 1}};
    const size_t before = value.n;
    uint64_t number;
    if (!gs_view_u64(&value, 99999999, &number) || value.n != 1 || before > 9) {
        return false;
    }
    if (*value.p == 'n') {
        *ret_us = (number + 999) / 1000;
        return true;
    }
    for (size_t i = 0; i < GS_ARRAY_LEN(units); i++) {
        if (units[i].unit == *value.p) {
            *ret_us = number * units[i].us;
            return true;
        }
    }
    return false;
}

void gs_grpc_timeout_format(uint64_t us, char ret_text[GS_GRPC_TIMEOUT_TEXT_MAX])
{
    static const char units[] = {'u', 'm', 'S'};
    unsigned at = 0;
    while (us > 99999999 && at < GS_ARRAY_LEN(units) - 1) {
        us /= 1000;
        at++;
    }
    us = us > 99999999 ? 99999999 : us;
    snprintf(ret_text, GS_GRPC_TIMEOUT_TEXT_MAX, "%" PRIu64 "%c", us, units[at]);
}

enum gs_grpc_status gs_grpc_status_of_http(uint64_t http_status)
{
    switch (http_status) {
    case 400:
        return GS_GRPC_INTERNAL;
    case 401:
        return GS_GRPC_UNAUTHENTICATED;
    case 403:
        return GS_GRPC_PERMISSION_DENIED;
    case 404:
        return GS_GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return GS_GRPC_UNAVAILABLE;
    default:
        return GS_GRPC_UNKNOWN;
    }
}
