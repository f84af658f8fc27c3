#include "wire/cdi.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/view.h"

/* ---- What the specification allows ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_letter_or_digit(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9');
}

/* Letters, digits and `inside`; a letter or digit at the end. */
static bool is_name(struct gs_view name, const char *inside)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool at_end = i == 0 || i == name.n - 1;
        if (!is_letter_or_digit(c) && (at_end || c == '\0' || strchr(inside, c) == NULL)) {
            return false;
        }
    }
    return name.n > 0 && name.n <= GS_CDI_NAME_MAX;
}

bool gs_cdi_name_is_valid(const char *name)
{
    return is_name(gs_view(name), "_-.:");
}

static int check_kind(const char *kind, struct gs_err *err)
{
    struct gs_view class = gs_view(kind);
    struct gs_view vendor = gs_view_split(&class, '/');
    if (class.p == NULL || !is_name(vendor, "_-.") || !is_name(class, "_-.") ||
        !is_letter(vendor.p[0]) || !is_letter(class.p[0])) {
        return gs_fail(err, GS_INVALID,
                       "\"%.*s\" is no kind of device; one looks like nvidia.com/gpu",
                       GS_VIEW_ARGS(gs_view(kind)));
    }
    return 0;
}

/* JSON is UTF-8. */
static int check_text(const char *what, const char *text, struct gs_err *err)
{
    struct gs_view rest = gs_view(text == NULL ? "" : text);
    if (rest.n == 0) {
        return gs_fail(err, GS_INVALID, "%s is empty", what);
    }
    while (rest.n > 0) {
        uint32_t character = 0;
        size_t n = gs_view_character(rest, &character);
        if (n == 0) {
            return gs_fail(err, GS_INVALID, "%s \"%.*s\" is not UTF-8", what,
                           GS_VIEW_ARGS(gs_view(text)));
        }
        rest.p += n;
        rest.n -= n;
    }
    return 0;
}

static int check_texts(const char *what, const struct gs_cdi_texts *texts, struct gs_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < texts->n; i++) {
        r = check_text(what, texts->at[i], err);
    }
    return r;
}

static int check_env(const struct gs_cdi_texts *env, struct gs_err *err)
{
    int r = check_texts("a variable", env, err);
    for (size_t i = 0; r == 0 && i < env->n; i++) {
        const char *equal = strchr(env->at[i], '=');
        if (equal == NULL || equal == env->at[i]) {
            r = gs_fail(err, GS_INVALID, "\"%.*s\" is no variable; one looks like NAME=value",
                        GS_VIEW_ARGS(gs_view(env->at[i])));
        }
    }
    return r;
}

static int check_node(const struct gs_cdi_node *node, struct gs_err *err)
{
    int r = check_text("the path of a device node", node->path, err);
    if (r == 0 && node->host_path != NULL) {
        r = check_text("the path of a device node on the host", node->host_path, err);
    }
    if (r < 0) {
        return r;
    }
    bool has_type = node->type != '\0';
    if (has_type && strchr("bcup", node->type) == NULL) {
        return gs_fail(err, GS_INVALID, "%s: there are no device nodes of type '%c'", node->path,
                       node->type);
    }
    /* readers take a node with a type and no major for one to look at */
    if (has_type && node->type != 'p' && (node->major == GS_CDI_NOT_TOLD || node->major == 0)) {
        return gs_fail(err, GS_INVALID, "%s: a device node with a type needs a major number",
                       node->path);
    }
    if (node->permissions != NULL &&
        (node->permissions[0] == '\0' ||
         node->permissions[strspn(node->permissions, "rwm")] != '\0')) {
        return gs_fail(err, GS_INVALID, "%s: permissions are some of \"rwm\"; there is \"%s\"",
                       node->path, node->permissions);
    }
    return 0;
}

static int check_hook(const struct gs_cdi_hook *hook, struct gs_err *err)
{
    static const char *const stages[] = {"prestart",       "createRuntime", "createContainer",
                                         "startContainer", "poststart",     "poststop"};
    int r = check_text("the path of a hook", hook->path, err);
    if (r < 0 || (r = check_texts("an argument of a hook", &hook->args, err)) < 0 ||
        (r = check_env(&hook->env, err)) < 0) {
        return r;
    }
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
        if (strcmp(stages[i], hook->name) == 0) {
            return 0;
        }
    }
    return gs_fail(err, GS_INVALID, "hook %s: there is no stage \"%s\"", hook->path, hook->name);
}

static int check_mount(const struct gs_cdi_mount *mount, struct gs_err *err)
{
    int r = check_text("the host's path of a mount", mount->host_path, err);
    r = r < 0 ? r : check_text("the container's path of a mount", mount->container_path, err);
    r = r < 0 ? r : check_texts("an option of a mount", &mount->options, err);
    return r == 0 && mount->type != NULL ? check_text("the type of a mount", mount->type, err) : r;
}

static int check_edits(const struct gs_cdi_edits *edits, struct gs_err *err)
{
    int r = check_env(&edits->env, err);
    for (size_t i = 0; r == 0 && i < edits->n_nodes; i++) {
        r = check_node(&edits->nodes[i], err);
    }
    for (size_t i = 0; r == 0 && i < edits->n_hooks; i++) {
        r = check_hook(&edits->hooks[i], err);
    }
    for (size_t i = 0; r == 0 && i < edits->n_mounts; i++) {
        r = check_mount(&edits->mounts[i], err);
    }
    return r;
}

static bool is_empty(const struct gs_cdi_edits *edits)
{
    return edits->env.n + edits->n_nodes + edits->n_hooks + edits->n_mounts + edits->n_gids == 0;
}

static int check_device(const struct gs_cdi_spec *spec, size_t at, struct gs_err *err)
{
    const struct gs_cdi_device *device = &spec->devices[at];
    if (!gs_cdi_name_is_valid(device->name)) {
        return gs_fail(err, GS_INVALID,
                       "\"%.*s\" is no name of a device: letters, digits and _-.: are, with a "
                       "letter or digit at both ends",
                       GS_VIEW_ARGS(gs_view(device->name)));
    }
    for (size_t i = 0; i < at; i++) {
        if (strcmp(spec->devices[i].name, device->name) == 0) {
            return gs_fail(err, GS_INVALID, "there are two devices %s", device->name);
        }
    }
    if (is_empty(&device->edits)) {
        return gs_fail(err, GS_INVALID, "device %s changes nothing about a container",
                       device->name);
    }
    int r = check_edits(&device->edits, err);
    return r < 0 ? gs_wrap(err, r, "device %s", device->name) : 0;
}

static int check(const struct gs_cdi_spec *spec, struct gs_err *err)
{
    int r = check_kind(spec->kind, err);
    if (r == 0 && spec->n_devices == 0) {
        return gs_fail(err, GS_NOT_FOUND, "there are no devices of kind %s", spec->kind);
    }
    for (size_t i = 0; r == 0 && i < spec->n_devices; i++) {
        r = check_device(spec, i, err);
    }
    return r < 0 ? r : check_edits(&spec->edits, err);
}

/* ---- The version that the fields need ---- */

static bool has_host_path(const struct gs_cdi_node *node)
{
    return node->host_path != NULL && strcmp(node->host_path, node->path) != 0;
}

/* Of one set of edits: 7 additional groups, 5 paths on the host, 4 types of mounts, else 3. */
static unsigned minor_of(const struct gs_cdi_edits *edits)
{
    if (edits->n_gids > 0) {
        return 7;
    }
    for (size_t i = 0; i < edits->n_nodes; i++) {
        if (has_host_path(&edits->nodes[i])) {
            return 5;
        }
    }
    for (size_t i = 0; i < edits->n_mounts; i++) {
        if (edits->mounts[i].type != NULL) {
            return 4;
        }
    }
    return 3;
}

const char *gs_cdi_version(const struct gs_cdi_spec *spec)
{
    static const char *const versions[] = {
        [3] = "0.3.0", [4] = "0.4.0", [5] = "0.5.0", [6] = "0.6.0", [7] = "0.7.0"};
    const char *class = strchr(spec->kind, '/');
    unsigned needed = class != NULL && strchr(class, '.') != NULL ? 6 : 3;
    unsigned minor = minor_of(&spec->edits);
    needed = minor > needed ? minor : needed;
    for (size_t i = 0; i < spec->n_devices; i++) {
        char first = spec->devices[i].name[0];
        minor = minor_of(&spec->devices[i].edits);
        minor = first >= '0' && first <= '9' && minor < 5 ? 5 : minor;
        needed = minor > needed ? minor : needed;
    }
    return versions[needed];
}

/* ---- JSON ---- */

/* The text was checked to be UTF-8. */
static void put_text(struct gs_buf *out, const char *text)
{
    gs_buf_puts(out, "\"");
    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\') {
            gs_buf_printf(out, "\\%c", c);
        } else if (c < 0x20 || c == 0x7f) {
            gs_buf_printf(out, "\\u%04x", c);
        } else {
            gs_buf_put(out, p, 1);
        }
    }
    gs_buf_puts(out, "\"");
}

/* Members and elements after the first follow a comma. */
static void put_key(struct gs_buf *out, bool *first, const char *key)
{
    gs_buf_printf(out, "%s\"%s\":", *first ? "" : ",", key);
    *first = false;
}

static void put_member(struct gs_buf *out, bool *first, const char *key, const char *text)
{
    if (text != NULL) {
        put_key(out, first, key);
        put_text(out, text);
    }
}

static void put_number(struct gs_buf *out, bool *first, const char *key, uint32_t number)
{
    if (number != GS_CDI_NOT_TOLD) {
        put_key(out, first, key);
        gs_buf_printf(out, "%" PRIu32, number);
    }
}

static void put_texts(struct gs_buf *out, bool *first, const char *key,
                      const struct gs_cdi_texts *texts)
{
    if (texts->n == 0) {
        return;
    }
    put_key(out, first, key);
    for (size_t i = 0; i < texts->n; i++) {
        gs_buf_puts(out, i == 0 ? "[" : ",");
        put_text(out, texts->at[i]);
    }
    gs_buf_puts(out, "]");
}

static void put_node(struct gs_buf *out, const struct gs_cdi_node *node)
{
    bool first = true;
    char type[2] = {node->type, '\0'};
    gs_buf_puts(out, "{");
    put_member(out, &first, "path", node->path);
    put_member(out, &first, "hostPath", has_host_path(node) ? node->host_path : NULL);
    put_member(out, &first, "type", type[0] != '\0' ? type : NULL);
    put_number(out, &first, "major", node->major);
    put_number(out, &first, "minor", node->minor);
    put_number(out, &first, "fileMode", node->file_mode);
    put_member(out, &first, "permissions", node->permissions);
    put_number(out, &first, "uid", node->uid);
    put_number(out, &first, "gid", node->gid);
    gs_buf_puts(out, "}");
}

static void put_hook(struct gs_buf *out, const struct gs_cdi_hook *hook)
{
    bool first = true;
    gs_buf_puts(out, "{");
    put_member(out, &first, "hookName", hook->name);
    put_member(out, &first, "path", hook->path);
    put_texts(out, &first, "args", &hook->args);
    put_texts(out, &first, "env", &hook->env);
    gs_buf_puts(out, "}");
}

static void put_mount(struct gs_buf *out, const struct gs_cdi_mount *mount)
{
    bool first = true;
    gs_buf_puts(out, "{");
    put_member(out, &first, "hostPath", mount->host_path);
    put_member(out, &first, "containerPath", mount->container_path);
    put_texts(out, &first, "options", &mount->options);
    put_member(out, &first, "type", mount->type);
    gs_buf_puts(out, "}");
}

static void put_edits(struct gs_buf *out, const struct gs_cdi_edits *edits)
{
    bool first = true;
    gs_buf_puts(out, "{");
    put_texts(out, &first, "env", &edits->env);
    for (size_t i = 0; i < edits->n_nodes; i++) {
        if (i == 0) {
            put_key(out, &first, "deviceNodes");
        }
        gs_buf_puts(out, i == 0 ? "[" : ",");
        put_node(out, &edits->nodes[i]);
    }
    gs_buf_puts(out, edits->n_nodes > 0 ? "]" : "");
    for (size_t i = 0; i < edits->n_hooks; i++) {
        if (i == 0) {
            put_key(out, &first, "hooks");
        }
        gs_buf_puts(out, i == 0 ? "[" : ",");
        put_hook(out, &edits->hooks[i]);
    }
    gs_buf_puts(out, edits->n_hooks > 0 ? "]" : "");
    for (size_t i = 0; i < edits->n_mounts; i++) {
        if (i == 0) {
            put_key(out, &first, "mounts");
        }
        gs_buf_puts(out, i == 0 ? "[" : ",");
        put_mount(out, &edits->mounts[i]);
    }
    gs_buf_puts(out, edits->n_mounts > 0 ? "]" : "");
    for (size_t i = 0; i < edits->n_gids; i++) {
        if (i == 0) {
            put_key(out, &first, "additionalGids");
        }
        gs_buf_printf(out, "%s%" PRIu32, i == 0 ? "[" : ",", edits->gids[i]);
    }
    gs_buf_puts(out, edits->n_gids > 0 ? "]}" : "}");
}

int gs_cdi_format(const struct gs_cdi_spec *spec, struct gs_buf *out, struct gs_err *err)
{
    int r = check(spec, err);
    if (r < 0) {
        return r;
    }
    bool first = true;
    gs_buf_puts(out, "{");
    put_member(out, &first, "cdiVersion", gs_cdi_version(spec));
    put_member(out, &first, "kind", spec->kind);
    put_key(out, &first, "devices");
    for (size_t i = 0; i < spec->n_devices; i++) {
        bool none = true;
        gs_buf_puts(out, i == 0 ? "[{" : ",{");
        put_member(out, &none, "name", spec->devices[i].name);
        put_key(out, &none, "containerEdits");
        put_edits(out, &spec->devices[i].edits);
        gs_buf_puts(out, "}");
    }
    gs_buf_puts(out, "]");
    put_key(out, &first, "containerEdits");
    put_edits(out, &spec->edits);
    gs_buf_puts(out, "}\n");
    return gs_buf_ok(out) ? 0 : gs_fail(err, GS_NO_MEMORY, "no memory for a CDI file");
}
