#include "wire/http1.h"

#include <errno.h>
#include <string.h>

enum state {
    STATUS,
    HEADERS,
    BODY, /* of `left` bytes, or until the end of the connection */
    CHUNK_SIZE,
    CHUNK,
    CHUNK_END,
    TRAILERS,
    DONE
};

enum { SHOWN = 60 };

void gs_http1_begin(struct gs_http1 *reader, bool no_body)
{
    memset(reader, 0, offsetof(struct gs_http1, line));
    reader->no_body = no_body;
}

static int refuse(struct gs_err *err, struct gs_view line, const char *why)
{
    bool plain = !gs_view_has_control(line, "\t");
    return gs_fail(err, GS_INVALID, "\"%.*s\": %s",
                   plain ? (int)(line.n > SHOWN ? SHOWN : line.n) : 1, plain ? line.p : "?", why);
}

/* ---- lines ---- */

/* Collects a line; *ret_whole: it is whole, without its end. */
static int take_line(struct gs_http1 *reader, struct gs_view *in, bool *ret_whole,
                     struct gs_err *err)
{
    const char *end = memchr(in->p, '\n', in->n);
    size_t n = end == NULL ? in->n : (size_t)(end - in->p);
    size_t taken = end == NULL ? n : n + 1;
    reader->head_bytes += taken;
    if (reader->n_line + n > GS_HTTP1_LINE_MAX || reader->head_bytes > GS_HTTP1_HEAD_MAX) {
        return gs_fail(err, GS_LIMIT, "headers of more than %d bytes, or one of more than %d",
                       GS_HTTP1_HEAD_MAX, GS_HTTP1_LINE_MAX);
    }
    memcpy(reader->line + reader->n_line, in->p, n);
    reader->n_line += n;
    in->p += taken;
    in->n -= taken;
    *ret_whole = end != NULL;
    if (*ret_whole && reader->n_line > 0 && reader->line[reader->n_line - 1] == '\r') {
        reader->n_line--;
    }
    return 0;
}

/* The collected line; the next one begins. */
static struct gs_view line_of(struct gs_http1 *reader)
{
    struct gs_view line = {.p = reader->line, .n = reader->n_line};
    reader->n_line = 0;
    return line;
}

static int read_status(struct gs_http1 *reader, struct gs_view line, struct gs_err *err)
{
    struct gs_view rest = line;
    uint64_t status = 0;
    reader->minor_0 = gs_view_skip(&rest, "HTTP/1.0 ");
    if (!reader->minor_0 && !gs_view_skip(&rest, "HTTP/1.1 ")) {
        return refuse(err, line, "expected HTTP/1.1 and a status");
    }
    if (rest.n < 3 || !gs_view_is_u64((struct gs_view){.p = rest.p, .n = 3}, 599, &status) ||
        status < 100 || (rest.n > 3 && rest.p[3] != ' ')) {
        return refuse(err, line, "expected a status of 100 to 599");
    }
    reader->head.status = (unsigned)status;
    return 0;
}

/* ---- headers ---- */

static bool is_name(struct gs_view name)
{
    static const char rest[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && (c == '\0' || strchr(rest, c) == NULL)) {
            return false;
        }
    }
    return name.n > 0;
}

static int read_length(struct gs_http1 *reader, struct gs_view value, struct gs_err *err)
{
    uint64_t n;
    if (!gs_view_is_u64(value, INT64_MAX, &n) || (reader->has_length && n != reader->left)) {
        return refuse(err, value, "a Content-Length that cannot be, or a second one");
    }
    reader->has_length = true;
    reader->left = n;
    return 0;
}

/* "close" or "keep-alive" among others. */
static void read_connection(struct gs_http1 *reader, struct gs_view value)
{
    while (value.p != NULL) {
        struct gs_view one = gs_view_trim(gs_view_split(&value, ','));
        reader->said_close = reader->said_close || gs_view_eq_nocase(one, "close");
        reader->said_keep = reader->said_keep || gs_view_eq_nocase(one, "keep-alive");
    }
}

static int read_known(struct gs_http1 *reader, struct gs_view name, struct gs_view value,
                      struct gs_err *err)
{
    uint64_t n;
    if (gs_view_eq_nocase(name, "Content-Length")) {
        return read_length(reader, value, err);
    }
    if (gs_view_eq_nocase(name, "Transfer-Encoding")) {
        if (reader->chunked || !gs_view_eq_nocase(value, "chunked")) {
            return refuse(err, value, "a Transfer-Encoding other than chunked");
        }
        if (reader->minor_0) {
            return refuse(err, value, "a Transfer-Encoding of HTTP/1.0");
        }
        reader->chunked = true;
    } else if (gs_view_eq_nocase(name, "Connection")) {
        read_connection(reader, value);
    } else if (gs_view_eq_nocase(name, "Content-Type")) {
        size_t size = value.n < GS_HTTP1_TYPE_MAX ? value.n : GS_HTTP1_TYPE_MAX - 1;
        memcpy(reader->head.type, value.p, size);
        reader->head.type[size] = '\0';
    } else if (gs_view_eq_nocase(name, "Content-Encoding")) {
        reader->head.packed = gs_view_eq_nocase(value, "gzip");
    } else if (gs_view_eq_nocase(name, "Retry-After") && gs_view_is_u64(value, UINT32_MAX, &n)) {
        reader->head.retry_s = n > GS_HTTP1_RETRY_MAX_S ? GS_HTTP1_RETRY_MAX_S : (uint32_t)n;
    }
    return 0;
}

static int read_header(struct gs_http1 *reader, struct gs_view line, struct gs_err *err)
{
    struct gs_view value = line;
    struct gs_view name = gs_view_split(&value, ':');
    if (value.p == NULL || !is_name(name)) {
        return refuse(err, line, "expected a header, \"Name: value\"");
    }
    value = gs_view_trim(value);
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7F) {
            return refuse(err, name, "a header with a control character");
        }
    }
    return read_known(reader, name, value, err);
}

/* All headers are there: what follows? */
static int end_headers(struct gs_http1 *reader, struct gs_err *err)
{
    unsigned status = reader->head.status;
    bool none = reader->no_body || status == 204 || status == 304;
    if (reader->chunked && reader->has_length) {
        return gs_fail(err, GS_INVALID, "a Content-Length and chunks; expected one of the two");
    }
    if (none) {
        reader->state = DONE;
    } else if (reader->chunked) {
        reader->state = CHUNK_SIZE;
    } else if (reader->has_length) {
        reader->state = reader->left == 0 ? DONE : BODY;
    } else {
        reader->until_close = true;
        reader->state = BODY;
    }
    reader->head.keep_alive =
        !reader->until_close && !reader->said_close && (!reader->minor_0 || reader->said_keep);
    return 0;
}

/* The answer is still to come. What was said before it counts: it does not go on for ever. */
static void begin_again(struct gs_http1 *reader)
{
    size_t head_bytes = reader->head_bytes;
    gs_http1_begin(reader, reader->no_body);
    reader->head_bytes = head_bytes;
}

/* ---- bodies ---- */

static int read_chunk_size(struct gs_http1 *reader, struct gs_view line, struct gs_err *err)
{
    uint64_t size = 0;
    size_t n = 0;
    for (; n < line.n && n < 15; n++) {
        char c = line.p[n];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                                : 16;
        if (digit == 16) {
            break;
        }
        size = size << 4 | digit;
    }
    struct gs_view rest = {.p = line.p + n, .n = line.n - n};
    rest = gs_view_trim(rest);
    if (n == 0 || (rest.n > 0 && rest.p[0] != ';')) {
        return refuse(err, line, "expected the size of a chunk");
    }
    reader->left = size;
    reader->state = size == 0 ? TRAILERS : CHUNK;
    reader->head_bytes = 0;
    return 0;
}

static int read_line(struct gs_http1 *reader, struct gs_view line, enum gs_http1_event *ret,
                     struct gs_err *err)
{
    switch ((enum state)reader->state) {
    case STATUS:
        reader->state = HEADERS;
        return read_status(reader, line, err);
    case HEADERS:
        if (line.n > 0) {
            return read_header(reader, line, err);
        }
        if (reader->head.status >= 200) {
            *ret = GS_HTTP1_HEAD;
            return end_headers(reader, err);
        }
        if (reader->head.status == 101) {
            return gs_fail(err, GS_INVALID, "another protocol (101) that nobody has asked for");
        }
        begin_again(reader);
        return 0;
    case CHUNK_SIZE:
        return read_chunk_size(reader, line, err);
    case CHUNK_END:
        reader->state = CHUNK_SIZE;
        return line.n == 0 ? 0 : refuse(err, line, "expected the end of a chunk");
    case TRAILERS:
        reader->state = line.n == 0 ? DONE : TRAILERS;
        return 0;
    case BODY:
    case CHUNK:
    case DONE:
        break;
    }
    return 0;
}

static void take_body(struct gs_http1 *reader, struct gs_view *in, struct gs_view *ret_body)
{
    size_t n = in->n;
    if (!reader->until_close) {
        n = n > reader->left ? (size_t)reader->left : n;
        reader->left -= n;
        if (reader->left == 0) {
            reader->state = reader->state == CHUNK ? CHUNK_END : DONE;
        }
    }
    *ret_body = (struct gs_view){.p = in->p, .n = n};
    in->p += n;
    in->n -= n;
}

int gs_http1_next(struct gs_http1 *reader, struct gs_view *in, enum gs_http1_event *ret,
                  struct gs_view *ret_body, struct gs_err *err)
{
    *ret = GS_HTTP1_MORE;
    while (*ret == GS_HTTP1_MORE) {
        if (reader->state == DONE) {
            *ret = GS_HTTP1_END;
        } else if (in->n == 0) {
            return 0;
        } else if (reader->state == BODY || reader->state == CHUNK) {
            take_body(reader, in, ret_body);
            *ret = GS_HTTP1_BODY;
        } else {
            bool whole = false;
            int r = take_line(reader, in, &whole, err);
            r = r == 0 && whole ? read_line(reader, line_of(reader), ret, err) : r;
            if (r != 0) {
                return r;
            }
        }
    }
    return 0;
}

int gs_http1_eof(struct gs_http1 *reader, struct gs_err *err)
{
    if (reader->state == DONE || (reader->state == BODY && reader->until_close)) {
        reader->state = DONE;
        return 0;
    }
    gs_fail(err, GS_IO, "the connection ended in the middle of an answer");
    if (err != NULL) {
        err->sys_errno = ECONNRESET;
    }
    return GS_IO;
}
