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

/* Nothing that a terminal would act on: we write none, and what is read is shown to people. */
static bool is_printable(struct gs_view text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < ' ' || text.p[i] > '~') {
            return false;
        }
    }
    return true;
}

/* "1@4", a compute instance by profile and start; "1" where the start is not known. */
static void format_ci(uint32_t profile, uint8_t start, char text[16])
{
    if (start == GS_INSIDE_ANYWHERE) {
        snprintf(text, 16, "%u", profile);
    } else {
        snprintf(text, 16, "%u@%u", profile, start);
    }
}

/* "absent", "empty" or "0@0,0@1,2". */
static void format_cis(const struct gs_change_cis *cis, char *text, size_t size)
{
    snprintf(text, size, "%s", !cis->present ? "absent" : cis->n == 0 ? "empty" : "");
    size_t used = strlen(text);
    for (unsigned j = 0; cis->present && j < cis->n && used < size; j++) {
        char ci[16];
        format_ci(cis->profiles[j], cis->starts[j], ci);
        used += (size_t)snprintf(text + used, size - used, "%s%s", j == 0 ? "" : ",", ci);
    }
}

static bool parse_ci(struct gs_view text, uint8_t *ret_profile, uint8_t *ret_start)
{
    uint64_t profile;
    uint64_t start = GS_INSIDE_ANYWHERE;
    struct gs_view first = gs_view_split(&text, '@');
    if (!gs_view_is_u64(first, UINT8_MAX, &profile) ||
        (text.p != NULL &&
         (!gs_view_is_u64(text, UINT8_MAX, &start) || start == GS_INSIDE_ANYWHERE))) {
        return false;
    }
    *ret_profile = (uint8_t)profile;
    *ret_start = (uint8_t)start;
    return true;
}

static bool parse_cis(struct gs_view text, struct gs_change_cis *ret)
{
    *ret = (struct gs_change_cis){.present = !gs_view_eq(text, "absent")};
    if (!ret->present || gs_view_eq(text, "empty")) {
        return true;
    }
    while (text.p != NULL) {
        if (ret->n == GS_COMPUTE_INSTANCES_MAX ||
            !parse_ci(gs_view_split(&text, ','), &ret->profiles[ret->n], &ret->starts[ret->n])) {
            return false;
        }
        ret->n++;
    }
    return true;
}

int gs_journal_format_step(const struct gs_journal_step *step, char *ret_text, size_t size,
                           struct gs_err *err)
{
    char was[80];
    char shall[80];
    char ci[24] = "";
    format_cis(&step->was, was, sizeof(was));
    format_cis(&step->shall, shall, sizeof(shall));
    if (step->ci_profile != GS_NOT_KNOWN) {
        memcpy(ci, " ci=", 4);
        format_ci(step->ci_profile, step->ci_start, ci + 4);
    }
    if (step->gpu[0] == '\0' || strchr(step->gpu, ' ') != NULL ||
        !is_printable(gs_view(step->gpu))) {
        return gs_fail(err, GS_INVALID, "a GPU whose UUID is no word");
    }
    int n = snprintf(ret_text, size,
                     "step n=%u of=%u do=%s gpu=%s profile=%u start=%u size=%u%s was=%s shall=%s",
                     step->n, step->of, do_names[step->kind], step->gpu, step->profile, step->start,
                     step->size, ci, was, shall);
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
        !is_printable(word)) {
        return false;
    }
    memcpy(ret, word.p, word.n);
    ret[word.n] = '\0';
    return true;
}

/* Only steps of compute instances have it, and not those of the first versions. */
static bool take_ci(struct gs_view *text, struct gs_journal_step *step)
{
    struct gs_view word;
    struct gs_view rest = *text;
    uint8_t profile;
    step->ci_profile = GS_NOT_KNOWN;
    step->ci_start = GS_INSIDE_ANYWHERE;
    if (!take(&rest, "ci", &word)) {
        return true;
    }
    if (!parse_ci(word, &profile, &step->ci_start)) {
        return false;
    }
    step->ci_profile = profile;
    *text = rest;
    return true;
}

/* As much of a text as an error shows, whatever it is. */
static const char *show(struct gs_view text, char shown[120])
{
    size_t n = 0;
    for (; n < text.n && n < 119; n++) {
        shown[n] = text.p[n];
        if (!is_printable((struct gs_view){.p = &text.p[n], .n = 1})) {
            shown[n] = '?';
        }
    }
    shown[n] = '\0';
    return shown;
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
                 take_ci(&rest, &step) && take(&rest, "was", &was) && parse_cis(was, &step.was) &&
                 take(&rest, "shall", &shall) && parse_cis(shall, &step.shall) && rest.p == NULL;
    if (!right) {
        char shown[120];
        return gs_fail(err, GS_INVALID, "not a step: \"%s\"", show(text, shown));
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
    if (!gs_view_skip(&text, "what=") || text.n > GS_JOURNAL_WHAT_MAX || !is_printable(text)) {
        return false;
    }
    memcpy(ret->what, text.p, text.n);
    ret->what[text.n] = '\0';
    return true;
}

/* Room that was reserved reads as zeros; a torn record begins as a whole one does. */
static bool is_ours(struct gs_view bytes)
{
    size_t n = 0;
    while (n < bytes.n && n < strlen(MARK) && bytes.p[n] == MARK[n]) {
        n++;
    }
    bool begins = n == strlen(MARK);
    while (n < bytes.n && !begins && bytes.p[n] == '\0') {
        n++;
    }
    return begins || n == bytes.n;
}

int gs_journal_parse(struct gs_view bytes, struct gs_journal_left *ret, struct gs_err *err)
{
    struct gs_journal_left left = {.not_ours = !is_ours(bytes)};
    struct gs_view text;
    bool first = true;
    while (gs_journal_unframe(&bytes, &text)) {
        /* whole, and still not what we write: somebody else's form */
        bool right =
            first ? parse_begin(text, &left) : gs_journal_parse_step(text, &left.step, err) == 0;
        if (!right) {
            char shown[120];
            return gs_fail(err, GS_INVALID,
                           "a record that this gpuslice does not write (\"%s\"): let the one "
                           "that wrote it run again, or look at the GPUs and remove it",
                           show(text, shown));
        }
        left.begun = !first;
        first = false;
    }
    *ret = left;
    return 0;
}
