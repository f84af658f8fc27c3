#include "wire/url.h"

enum { HOST_MAX = 253 };

static int refuse(const char *text, struct gs_err *err, const char *why)
{
    bool plain = !gs_view_has_control(gs_view(text), "");
    return gs_fail(err, GS_INVALID,
                   "\"%.200s\": %s; expected http://HOST or https://HOST, with :PORT and /PATH as "
                   "needed",
                   plain ? text : "?", why);
}

static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text > '~') {
            return false;
        }
    }
    return true;
}

static bool is_host(struct gs_view host, bool v6)
{
    const char *rest = v6 ? ":.%" : "-._";
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && strchr(rest, c) == NULL) {
            return false;
        }
    }
    return host.n > 0 && host.n <= HOST_MAX;
}

/* Cuts "host:port" or "[v6]:port". */
static bool read_authority(struct gs_view authority, struct gs_url *ret)
{
    struct gs_view rest = authority;
    ret->v6 = gs_view_skip(&rest, "[");
    if (ret->v6) {
        ret->host = gs_view_split(&rest, ']');
        if (rest.p == NULL) {
            return false;
        }
    } else {
        const char *colon = memchr(rest.p, ':', rest.n);
        size_t n = colon == NULL ? rest.n : (size_t)(colon - rest.p);
        ret->host = (struct gs_view){.p = rest.p, .n = n};
        rest.p += n;
        rest.n -= n;
    }
    uint64_t port = ret->https ? 443 : 80;
    ret->default_port = rest.n == 0;
    if (rest.n > 0 && (!gs_view_skip(&rest, ":") || !gs_view_is_u64(rest, 65535, &port))) {
        return false;
    }
    ret->port = (unsigned)port;
    return port > 0 && is_host(ret->host, ret->v6);
}

int gs_url_parse(const char *text, struct gs_url *ret, struct gs_err *err)
{
    struct gs_url url = {.https = false};
    struct gs_view rest = gs_view(text);
    if (!is_plain(text)) {
        return refuse(text, err, "a character that is not plain ASCII");
    }
    url.https = gs_view_skip(&rest, "https://");
    if (!url.https && !gs_view_skip(&rest, "http://")) {
        return refuse(text, err, "another scheme, or none");
    }
    size_t n = strcspn(rest.p, "/?#");
    if (!read_authority((struct gs_view){.p = rest.p, .n = n}, &url)) {
        return refuse(text, err, "no host and port that can be");
    }
    rest.p += n;
    url.target = (struct gs_view){.p = rest.p, .n = strcspn(rest.p, "#")};
    *ret = url;
    return 0;
}
