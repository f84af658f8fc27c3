#include "partition/journal_text.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/cleanup.h"

#define MARK "gsj1 "
enum { LENGTH_AT = 5, SUM_AT = 10, TEXT_AT = 19 }; /* "gsj1 LLLL SSSSSSSS " */

/* CRC-32 as in Ethernet and zip. */
static uint32_t checksum(struct gs_view text)
{
    uint32_t sum = UINT32_MAX;
    for (size_t i = 0; i < text.n; i++) {
        sum ^= (unsigned char)text.p[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            sum = sum >> 1 ^ ((sum & 1u) != 0 ? 0xEDB88320u : 0u);
        }
    }
    return ~sum;
}

int gs_journal_frame(struct gs_view text, char *ret_bytes, size_t size)
{
    int n = snprintf(ret_bytes, size, MARK "%04zx %08x %.*s\n", text.n, checksum(text), (int)text.n,
                     text.p);
    return n < 0 || (size_t)n >= size ? -1 : n;
}

static bool read_hex(const char *p, unsigned digits, uint32_t *ret)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < digits; i++) {
        char c = p[i];
        if ((c < '0' || c > '9') && (c < 'a' || c > 'f')) {
            return false;
        }
        value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *ret = value;
    return true;
}

bool gs_journal_unframe(struct gs_view *bytes, struct gs_view *ret_text)
{
    uint32_t length;
    uint32_t sum;
    if (bytes->n < TEXT_AT || memcmp(bytes->p, MARK, LENGTH_AT) != 0 ||
        !read_hex(bytes->p + LENGTH_AT, 4, &length) || bytes->p[SUM_AT - 1] != ' ' ||
        !read_hex(bytes->p + SUM_AT, 8, &sum) || bytes->p[TEXT_AT - 1] != ' ' ||
        bytes->n < TEXT_AT + (size_t)length + 1 || bytes->p[TEXT_AT + length] != '\n') {
        return false;
    }
    struct gs_view text = {.p = bytes->p + TEXT_AT, .n = length};
    if (checksum(text) != sum) {
        return false;
    }
    bytes->p += TEXT_AT + length + 1;
    bytes->n -= TEXT_AT + length + 1;
    *ret_text = text;
    return true;
}

static const char *const do_names[GS_JOURNAL_DOS] = {
    [GS_JOURNAL_CREATE] = "create",   [GS_JOURNAL_CREATE_CI] = "create-ci",
    [GS_JOURNAL_DESTROY] = "destroy", [GS_JOURNAL_DESTROY_CI] = "destroy-ci",
    [GS_JOURNAL_MODE_ON] = "mode-on", [GS_JOURNAL_MODE_OFF] = "mode-off",
    [GS_JOURNAL_RESET] = "reset",
};

/* "absent", "empty" or "0,0,2". */
static void format_cis(const struct gs_change_cis *cis, char *text, size_t size)
{
    snprintf(text, size, "%s", !cis->present ? "absent" : cis->n == 0 ? "empty" : "");
    size_t used = strlen(text);
    for (unsigned j = 0; cis->present && j < cis->n && used < size; j++) {
        used +=
            (size_t)snprintf(text + used, size - used, "%s%u", j == 0 ? "" : ",", cis->profiles[j]);
    }
}

static bool parse_cis(struct gs_view text, struct gs_change_cis *ret)
{
    *ret = (struct gs_change_cis){.present = !gs_view_eq(text, "absent")};
    if (!ret->present || gs_view_eq(text, "empty")) {
        return true;
    }
    while (text.p != NULL) {
        uint64_t profile;
        if (ret->n == GS_COMPUTE_INSTANCES_MAX ||
            !gs_view_is_u64(gs_view_split(&text, ','), UINT8_MAX, &profile)) {
            return false;
        }
        ret->profiles[ret->n++] = (uint8_t)profile;
    }
    return true;
}

int gs_journal_format_step(const struct gs_journal_step *step, char *ret_text, size_t size,
                           struct gs_err *err)
{
    char was[64];
    char shall[64];
    format_cis(&step->was, was, sizeof(was));
    format_cis(&step->shall, shall, sizeof(shall));
    if (step->gpu[0] == '\0' || strpbrk(step->gpu, " \n") != NULL) {
        return gs_fail(err, GS_INVALID, "a GPU whose UUID is \"%s\"", step->gpu);
    }
    int n = snprintf(ret_text, size,
                     "step n=%u of=%u do=%s gpu=%s profile=%u start=%u size=%u was=%s shall=%s",
                     step->n, step->of, do_names[step->kind], step->gpu, step->profile, step->start,
                     step->size, was, shall);
    return n < 0 || (size_t)n >= size ? gs_fail(err, GS_LIMIT, "a record that is too long") : 0;
}

/* Takes "NAME=VALUE" off the front, up to the next blank. */
static bool take(struct gs_view *text, const char *name, struct gs_view *ret)
{
    struct gs_view word = gs_view_split(text, ' ');
    if (word.p == NULL || !gs_view_skip(&word, name) || !gs_view_skip(&word, "=")) {
        return false;
    }
    *ret = word;
    return true;
}

static bool take_u32(struct gs_view *text, const char *name, uint32_t *ret)
{
    struct gs_view word;
    uint64_t value;
    if (!take(text, name, &word) || !gs_view_is_u64(word, UINT32_MAX, &value)) {
        return false;
    }
    *ret = (uint32_t)value;
    return true;
}

static bool take_do(struct gs_view *text, enum gs_journal_do *ret)
{
    struct gs_view word;
    if (!take(text, "do", &word)) {
        return false;
    }
    for (unsigned k = 0; k < GS_JOURNAL_DOS; k++) {
        if (gs_view_eq(word, do_names[k])) {
            *ret = (enum gs_journal_do)k;
            return true;
        }
    }
    return false;
}

static bool take_uuid(struct gs_view *text, char ret[GS_GPU_UUID_MAX])
{
    struct gs_view word;
    if (!take(text, "gpu", &word) || word.n == 0 || word.n >= GS_GPU_UUID_MAX ||
        memchr(word.p, '\0', word.n) != NULL) {
        return false;
    }
    memcpy(ret, word.p, word.n);
    ret[word.n] = '\0';
    return true;
}

int gs_journal_parse_step(struct gs_view text, struct gs_journal_step *ret, struct gs_err *err)
{
    struct gs_journal_step step = {.n = 0};
    struct gs_view rest = text;
    struct gs_view was;
    struct gs_view shall;
    bool right = gs_view_skip(&rest, "step ") && take_u32(&rest, "n", &step.n) &&
                 take_u32(&rest, "of", &step.of) && take_do(&rest, &step.kind) &&
                 take_uuid(&rest, step.gpu) && take_u32(&rest, "profile", &step.profile) &&
                 take_u32(&rest, "start", &step.start) && take_u32(&rest, "size", &step.size) &&
                 take(&rest, "was", &was) && parse_cis(was, &step.was) &&
                 take(&rest, "shall", &shall) && parse_cis(shall, &step.shall) && rest.p == NULL;
    if (!right) {
        return gs_fail(err, GS_INVALID, "not a step: \"%.*s\"", GS_VIEW_ARGS(text));
    }
    *ret = step;
    return 0;
}

static bool parse_begin(struct gs_view text, struct gs_journal_left *ret)
{
    struct gs_view word;
    if (!gs_view_skip(&text, "begin ") || !take(&text, "pid", &word) ||
        !gs_view_is_u64(word, INT32_MAX, &ret->pid)) {
        return false;
    }
    ret->exit_hook = gs_view_skip(&text, "exit-hook=1 ");
    if (!gs_view_skip(&text, "what=") || text.n > GS_JOURNAL_WHAT_MAX ||
        memchr(text.p, '\0', text.n) != NULL) {
        return false;
    }
    memcpy(ret->what, text.p, text.n);
    ret->what[text.n] = '\0';
    return true;
}

int gs_journal_parse(struct gs_view bytes, struct gs_journal_left *ret, struct gs_err *err)
{
    struct gs_journal_left left = {.pid = 0};
    struct gs_view text;
    bool first = true;
    while (gs_journal_unframe(&bytes, &text)) {
        /* whole, and still not what we write: somebody else's form */
        bool right =
            first ? parse_begin(text, &left) : gs_journal_parse_step(text, &left.step, err) == 0;
        if (!right) {
            return gs_fail(err, GS_INVALID,
                           "a record that this gpuslice does not write (\"%.*s\"): let the one "
                           "that wrote it run again, or look at the GPUs and remove it",
                           GS_VIEW_ARGS(text));
        }
        left.begun = !first;
        first = false;
    }
    *ret = left;
    return 0;
}
