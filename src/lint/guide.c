#include "lint/guide.h"

#include "base/cleanup.h"
#include "lint/lint.h"

struct cutter {
    struct gs_arena *arena;
    struct gs_view file;
    struct gs_lint_parts *parts;
    size_t cap;
};

static int add(struct cutter *cutter, uint32_t start, uint32_t end, uint32_t indent,
               enum gs_lint_kind kind, bool declared)
{
    if (start == end || cutter->parts->more) {
        return 0;
    }
    if (cutter->parts->n == GS_LINT_PIECES_MAX) {
        cutter->parts->more = true;
        return 0;
    }
    if (!gs_arena_room(cutter->arena, &cutter->parts->items, &cutter->cap, cutter->parts->n,
                       sizeof(*cutter->parts->items))) {
        return GS_NO_MEMORY;
    }
    struct gs_lint_part *part = &cutter->parts->items[cutter->parts->n];
    *part = (struct gs_lint_part){.declared = declared};
    int r = gs_lint_piece_make(cutter->arena, cutter->file, start, end, indent, kind, &part->piece);
    if (r == 0 && kind == GS_LINT_YAML) {
        r = gs_lint_tree_read(cutter->arena, &part->piece, &part->docs);
    }
    cutter->parts->n += r == 0 ? 1 : 0;
    return r;
}

static const struct {
    const char *name;
    enum gs_lint_kind kind;
} languages[] = {
    {"yaml", GS_LINT_YAML},  {"yml", GS_LINT_YAML},  {"json", GS_LINT_YAML},
    {"bash", GS_LINT_SHELL}, {"sh", GS_LINT_SHELL},  {"shell", GS_LINT_SHELL},
    {"toml", GS_LINT_TOML},  {"md", GS_LINT_PROSE},  {"markdown", GS_LINT_PROSE},
    {"zsh", GS_LINT_SHELL},  {"txt", GS_LINT_PROSE}, {"console", GS_LINT_SHELL},
};

static bool find_language(struct gs_view name, enum gs_lint_kind *ret)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(languages); i++) {
        if (gs_view_eq_nocase(name, languages[i].name)) {
            *ret = languages[i].kind;
            return true;
        }
    }
    return false;
}

/* A line of three or more ` or ~, behind blanks: *ret_indent of them; what follows is the name. */
static bool is_fence(struct gs_view line, uint32_t *ret_indent, char *ret_sign,
                     struct gs_view *ret_name)
{
    uint32_t at = 0;
    while (at < line.n && line.p[at] == ' ') {
        at++;
    }
    uint32_t n = 0;
    char sign = at < line.n ? line.p[at] : 0;
    while (at + n < line.n && line.p[at + n] == sign) {
        n++;
    }
    if (n < 3 || (sign != '`' && sign != '~')) {
        return false;
    }
    *ret_indent = at;
    *ret_sign = sign;
    *ret_name = gs_view_trim((struct gs_view){line.p + at + n, line.n - at - n});
    const char *blank = ret_name->n == 0 ? NULL : memchr(ret_name->p, ' ', ret_name->n);
    ret_name->n = blank == NULL ? ret_name->n : (size_t)(blank - ret_name->p);
    return true;
}

static enum gs_lint_kind guess(struct gs_view text)
{
    struct gs_view rest = text;
    while (rest.p != NULL) {
        struct gs_view line = gs_view_trim(gs_view_split(&rest, '\n'));
        struct gs_view after = line;
        if (line.n == 0) {
            continue;
        }
        if (gs_view_skip(&after, "#!")) {
            return GS_LINT_SHELL;
        }
        if (gs_view_skip(&after, "[settings")) {
            return GS_LINT_TOML;
        }
        if (line.p[0] == '#' || gs_view_eq(line, "---")) {
            continue;
        }
        const char *colon = memchr(line.p, ':', line.n);
        bool key = colon != NULL && memchr(line.p, ' ', (size_t)(colon - line.p)) == NULL &&
                   ((size_t)(colon - line.p) + 1 == line.n || colon[1] == ' ');
        return key || line.p[0] == '{' ? GS_LINT_YAML : GS_LINT_OTHER;
    }
    return GS_LINT_OTHER;
}

static enum gs_lint_kind guess_block(struct gs_view text)
{
    static const char *const programs[] = {"sudo ", "kubectl ", "helm ", "nvidia-smi", "$ "};
    enum gs_lint_kind kind = guess(text);
    struct gs_view first = gs_view_trim(text);
    for (size_t i = 0; kind == GS_LINT_OTHER && i < GS_ARRAY_LEN(programs); i++) {
        struct gs_view rest = first;
        kind = gs_view_skip(&rest, programs[i]) ? GS_LINT_SHELL : kind;
    }
    return kind;
}

static int add_block(struct cutter *cutter, uint32_t start, uint32_t end, uint32_t indent,
                     struct gs_view name)
{
    enum gs_lint_kind kind;
    bool declared = find_language(name, &kind);
    if (!declared) {
        struct gs_view text = {cutter->file.p + start, end - start};
        kind = name.n > 0 ? GS_LINT_OTHER : guess_block(text);
    }
    return kind == GS_LINT_OTHER || kind == GS_LINT_PROSE
               ? 0
               : add(cutter, start, end, indent, kind, declared);
}

/* Prose, and blocks between fences; one that is never closed goes on to the end. */
static int cut_guide(struct cutter *cutter)
{
    uint32_t start = 0; /* of the prose or block at hand */
    uint32_t indent = 0;
    char open = 0; /* the sign that closes it, or 0 */
    struct gs_view name = gs_view("");
    int r = 0;
    uint32_t at = 0;
    while (at < cutter->file.n && r == 0) {
        const char *end = memchr(cutter->file.p + at, '\n', cutter->file.n - at);
        uint32_t next =
            end == NULL ? (uint32_t)cutter->file.n : (uint32_t)(end - cutter->file.p) + 1;
        struct gs_view line = {cutter->file.p + at, next - at};
        uint32_t blanks;
        char sign;
        struct gs_view word;
        bool fence = is_fence(line, &blanks, &sign, &word);
        if (open == 0 && fence) {
            r = add(cutter, start, at, 0, GS_LINT_PROSE, true);
            open = sign;
            indent = blanks;
            name = word;
            start = next;
        } else if (open != 0 && fence && sign == open && word.n == 0) {
            r = add_block(cutter, start, at, indent, name);
            open = 0;
            start = next;
        }
        at = next;
    }
    if (r < 0) {
        return r;
    }
    return open == 0 ? add(cutter, start, at, 0, GS_LINT_PROSE, true)
                     : add_block(cutter, start, at, indent, name);
}

/* MIME user data: each part that is a script or settings. */
static bool is_mime(struct gs_view text)
{
    return gs_view_skip(&text, "MIME-Version:") || gs_view_skip(&text, "Content-Type: multipart");
}

static int cut_mime(struct cutter *cutter)
{
    uint32_t at = 0;
    uint32_t start = 0; /* of the part's text; 0: in a head */
    int r = 0;
    while (at < cutter->file.n && r == 0) {
        const char *end = memchr(cutter->file.p + at, '\n', cutter->file.n - at);
        uint32_t next =
            end == NULL ? (uint32_t)cutter->file.n : (uint32_t)(end - cutter->file.p) + 1;
        struct gs_view line = gs_view_trim((struct gs_view){cutter->file.p + at, next - at});
        if (line.n > 2 && line.p[0] == '-' && line.p[1] == '-' && line.p[2] != ' ') {
            r = start > 0 ? add_block(cutter, start, at, 0, gs_view("")) : 0;
            start = 0;
        } else if (line.n == 0 && start == 0) {
            start = next;
        }
        at = next;
    }
    return r == 0 && start > 0 ? add_block(cutter, start, at, 0, gs_view("")) : r;
}

static struct gs_view ending(const char *label)
{
    const char *dot = strrchr(label, '.');
    return dot == NULL || strchr(dot, '/') != NULL ? gs_view("") : gs_view(dot + 1);
}

int gs_lint_guide_cut(struct gs_arena *arena, const char *label, struct gs_view file,
                      struct gs_lint_parts *ret)
{
    *ret = (struct gs_lint_parts){.n = 0};
    struct cutter cutter = {.arena = arena, .file = file, .parts = ret};
    enum gs_lint_kind kind;
    bool declared = find_language(ending(label), &kind);
    if (is_mime(file)) {
        return cut_mime(&cutter);
    }
    if (!declared) {
        kind = guess(file);
    }
    if (kind == GS_LINT_PROSE || kind == GS_LINT_OTHER) {
        return cut_guide(&cutter);
    }
    return add(&cutter, 0, (uint32_t)file.n, 0, kind, declared);
}

int gs_lint_guide_inner(struct gs_arena *arena, struct gs_view file,
                        const struct gs_lint_piece *piece, const struct gs_lint_node *node,
                        struct gs_lint_piece *ret)
{
    uint32_t first = gs_lint_piece_line(piece, node->start) + 1;
    uint32_t last = gs_lint_piece_line(piece, node->end - 1);
    *ret = (struct gs_lint_piece){.kind = GS_LINT_OTHER};
    if (!node->literal || first > last || last >= piece->n_lines) {
        return 0;
    }
    uint32_t indent = 0;
    for (uint32_t i = first; i <= last && indent == 0; i++) {
        struct gs_view line = gs_lint_piece_line_text(piece, i);
        while (indent < line.n && line.p[indent] == ' ') {
            indent++;
        }
        indent = indent == line.n ? 0 : indent;
    }
    enum gs_lint_kind kind = guess(node->text);
    kind = kind == GS_LINT_TOML || kind == GS_LINT_SHELL ? kind : GS_LINT_OTHER;
    return gs_lint_piece_make(arena, file, piece->lines[first].whole, piece->lines[last + 1].whole,
                              piece->indent + indent, kind, ret);
}
