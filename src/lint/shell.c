#include "lint/shell.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "core/catalog.h"

struct script {
    struct gs_lint_work *work;
    const struct gs_lint_piece *piece;
    bool mode_on; /* a command before turns MIG on */
};

/* Without quotes around it. */
static struct gs_view bare(struct gs_view word)
{
    bool quoted =
        word.n > 1 && (word.p[0] == '"' || word.p[0] == '\'') && word.p[word.n - 1] == word.p[0];
    return quoted ? (struct gs_view){word.p + 1, word.n - 2} : word;
}

static bool is(const struct gs_lint_command *command, uint32_t i, const char *text)
{
    return i < command->n && gs_view_eq(bare(command->words[i]), text);
}

/* The index of a word, or command->n. */
static uint32_t find(const struct gs_lint_command *command, const char *text)
{
    uint32_t i = 0;
    while (i < command->n && !is(command, i, text)) {
        i++;
    }
    return i;
}

static bool has(const struct gs_lint_command *command, const char *text)
{
    return find(command, text) < command->n;
}

/* A word that begins so; NULL text: none. */
static struct gs_view find_like(const struct gs_lint_command *command, const char *begin,
                                const char *holds)
{
    for (uint32_t i = 0; i < command->n; i++) {
        struct gs_view word = bare(command->words[i]);
        struct gs_view rest = word;
        if (gs_view_skip(&rest, begin) && word.n > 0 &&
            memmem(word.p, word.n, holds, strlen(holds)) != NULL) {
            return command->words[i];
        }
    }
    return (struct gs_view){NULL, 0};
}

/* The program, behind sudo and NAME=value. */
static uint32_t program_at(const struct gs_lint_command *command)
{
    uint32_t i = 0;
    while (i < command->n && (is(command, i, "sudo") || is(command, i, "-E") ||
                              memchr(command->words[i].p, '=', command->words[i].n) != NULL)) {
        i++;
    }
    return i;
}

static uint32_t place(const struct script *script, struct gs_view word)
{
    return (uint32_t)(word.p - script->piece->text.p);
}

static void find_word(const struct script *script, enum gs_lint_rule_id rule, struct gs_view word,
                      const char *instead)
{
    uint32_t at = place(script, word);
    gs_lint_find(script->work, rule, script->piece, at, at + (uint32_t)word.n, "%s", instead);
}

/* Whether nothing else is on its lines, but what && puts before it. */
static bool is_alone(const struct script *script, const struct gs_lint_command *command)
{
    struct gs_view text = script->piece->text;
    uint32_t from = script->piece->lines[command->first_line].at;
    uint32_t at = place(script, command->words[0]);
    struct gs_view before = gs_view_trim((struct gs_view){text.p + from, at - from});
    bool joined = before.n > 1 && memcmp(before.p + before.n - 2, "&&", 2) == 0 &&
                  memchr(before.p, ';', before.n) == NULL;
    uint32_t to = script->piece->lines[command->last_line + 1].at;
    struct gs_view behind =
        gs_view_trim((struct gs_view){text.p + command->end, to - command->end});
    return (before.n == 0 || joined) && (behind.n == 0 || behind.p[0] == '#');
}

/* Commands parted by "; ", a comment's lines by a blank. */
static void on_one_line(const char *lines, char *ret, size_t size)
{
    size_t n = 0;
    for (const char *p = lines; *p != '\0' && n + 3 < size; p++) {
        bool more = p[1] != '\0';
        if (*p == '\n' && more && p[1] == '#') {
            ret[n++] = ' ';
            p += p[2] == ' ' ? 2 : 1;
        } else if (*p == '\n') {
            n += more ? (size_t)snprintf(ret + n, size - n, "; ") : 0;
        } else {
            ret[n++] = *p;
        }
    }
    ret[n] = '\0';
}

/* All lines that the command is on. */
static void find_lines(const struct script *script, enum gs_lint_rule_id rule,
                       const struct gs_lint_command *command, const char *lines)
{
    char text[300];
    on_one_line(lines, text, sizeof(text));
    gs_lint_find(script->work, rule, script->piece, place(script, command->words[0]), command->end,
                 "%s", text);
    if (is_alone(script, command)) {
        gs_lint_replace_lines(script->work, script->piece, command->first_line,
                              command->last_line + 1, lines);
    }
}

static void replace_word(const struct script *script, struct gs_view word, const char *text)
{
    uint32_t at = place(script, word);
    gs_lint_replace(script->work, script->piece, at, at + (uint32_t)word.n, text);
}

static void check_install(const struct script *script, const struct gs_lint_command *command)
{
    static const char *const installers[] = {"apt-get", "apt", "yum", "dnf"};
    uint32_t at = program_at(command);
    bool installer = false;
    for (size_t i = 0; i < GS_ARRAY_LEN(installers); i++) {
        installer = installer || is(command, at, installers[i]);
    }
    bool driver = find_like(command, "nvidia-driver", "").p != NULL ||
                  find_like(command, "cuda-drivers", "").p != NULL;
    if (script->work->facts->aws && installer && driver && has(command, "install")) {
        find_lines(script, GS_LINT_DRIVER_INSTALL, command,
                   "# nothing to install: the EKS AMI holds the driver\n");
    }
}

static void check_reboot(const struct script *script, const struct gs_lint_command *command,
                         uint32_t behind)
{
    uint32_t at = program_at(command);
    bool reboots = is(command, at, "reboot") ||
                   (is(command, at, "systemctl") && is(command, at + 1, "reboot")) ||
                   (is(command, at, "shutdown") && is(command, at + 1, "-r"));
    struct gs_lint_command next;
    if (reboots && gs_lint_command_next(script->piece, &behind, &next)) {
        find_lines(
            script, GS_LINT_AFTER_REBOOT, command,
            "# no reboot in here: what follows one never runs. Where the MIG mode waits for a\n"
            "# reboot (A100), gpuslice-boot asks for it and goes on at the next boot\n");
    }
}

/* Whether some model has a profile with this id of nvidia-smi. */
static bool is_profile_id(uint64_t id)
{
    size_t n;
    const struct gs_model *models = gs_catalog(&n);
    for (size_t i = 0; i < n; i++) {
        for (unsigned p = 0; p < models[i].n_profiles; p++) {
            if (models[i].profiles[p].nvml_profile_id == id) {
                return true;
            }
        }
    }
    return false;
}

/* "-cgi 3" for three of them: a lone number that is no profile's id and can be a count. */
static unsigned count_meant(struct gs_view list)
{
    uint64_t n;
    bool count = gs_view_is_u64(list, 7, &n) && n > 0 && !is_profile_id(n);
    return count ? (unsigned)n : 0;
}

static void put_profiles(struct gs_buf *out, const char *profile, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        gs_buf_printf(out, "%s%s", i == 0 ? "" : ",", profile);
    }
}

/* What creates the instances that were meant, on GPU 0 unless the command says which. */
static void write_create(const struct script *script, const struct gs_lint_command *command,
                         struct gs_view list, struct gs_buf *out)
{
    const char *sudo = is(command, 0, "sudo") ? "sudo " : "";
    uint32_t i = find(command, "-i");
    struct gs_view gpu = i + 1 < command->n ? command->words[i + 1] : gs_view("0");
    if (!script->mode_on) {
        gs_buf_printf(out, "%snvidia-smi -i %.*s -mig 1\n", sudo, GS_VIEW_ARGS(gpu));
    }
    gs_buf_printf(out, "%snvidia-smi mig -i %.*s -cgi ", sudo, GS_VIEW_ARGS(gpu));
    unsigned n = count_meant(list);
    if (n > 0) {
        put_profiles(out, gs_lint_facts_profile(script->work->facts), n);
    } else {
        gs_buf_put(out, list.p, list.n);
    }
    gs_buf_puts(out, " -C\n");
}

static void check_create(const struct script *script, const struct gs_lint_command *command,
                         uint32_t cgi)
{
    if (cgi + 1 >= command->n) {
        return;
    }
    struct gs_view list = bare(command->words[cgi + 1]);
    bool instances = has(command, "-C") || has(command, "--default-compute-instance");
    if (instances && count_meant(list) == 0) {
        return;
    }
    GS_CLEANUP(gs_buf_done) struct gs_buf lines;
    gs_buf_init(&lines, GS_LINT_TEXT_MAX);
    write_create(script, command, list, &lines);
    script->work->failed = script->work->failed || !gs_buf_ok(&lines);
    find_lines(script, GS_LINT_CREATE_INSTANCES, command, gs_buf_text(&lines));
}

static void check_smi(struct script *script, const struct gs_lint_command *command)
{
    uint32_t at = program_at(command);
    if (!is(command, at, "nvidia-smi")) {
        return;
    }
    uint32_t mode = find(command, "-mig");
    script->mode_on =
        script->mode_on || is(command, mode + 1, "1") || has(command, "--multi-instance-gpu=1");
    if (!is(command, at + 1, "mig")) {
        return;
    }
    const char *sudo = is(command, 0, "sudo") ? "sudo " : "";
    if (has(command, "-cgi")) {
        check_create(script, command, find(command, "-cgi"));
    } else if (has(command, "-g")) {
        find_lines(script, GS_LINT_SMI_NO_SUCH_FORM, command,
                   gs_lint_printf(script->work,
                                  "%snvidia-smi mig -i 0 -lgi  # what was made on GPU 0\n", sudo));
    } else if (has(command, "-li")) {
        find_lines(script, GS_LINT_SMI_LIST, command,
                   gs_lint_printf(script->work, "%snvidia-smi mig -lgi\n%snvidia-smi mig -lci\n",
                                  sudo, sudo));
    }
}

static void check_kubectl(const struct script *script, const struct gs_lint_command *command)
{
    struct gs_view word = find_like(command, "", "nvidia.com/mig.profile");
    if (!is(command, program_at(command), "kubectl") || word.p == NULL) {
        return;
    }
    struct gs_view rest = bare(word);
    struct gs_view key = gs_view_split(&rest, '=');
    if (gs_view_eq(key, "--selector") || gs_view_eq(key, "-l")) {
        (void)gs_view_split(&rest, '=');
    }
    struct gs_view named = rest.p == NULL ? gs_view("") : gs_lint_profile_of(rest);
    const char *profile = gs_lint_facts_profile(script->work->facts);
    struct gs_view shown = named.n > 0 ? named : gs_view(profile);
    bool option = word.p[0] == '-';
    const char *text = gs_lint_printf(script->work, "%snvidia.com/mig-%.*s.count",
                                      option ? "--selector=" : "", GS_VIEW_ARGS(shown));
    find_word(script, GS_LINT_PROFILE_LABEL, word, text);
    replace_word(script, word, text);
}

static void check_grep(const struct script *script, const struct gs_lint_command *command)
{
    struct gs_view word = find_like(command, "nvidia.com/mig", "");
    if (is(command, program_at(command), "grep") && word.p != NULL &&
        gs_view_eq(bare(word), "nvidia.com/mig")) {
        find_word(script, GS_LINT_GREP_SLICES, word, "nvidia.com/");
        replace_word(script, word, "nvidia.com/");
    }
}

static void check_helm(const struct script *script, const struct gs_lint_command *command)
{
    uint32_t at = program_at(command);
    bool installs = is(command, at + 1, "install") || is(command, at + 1, "upgrade");
    bool operator= find_like(command, "", "/gpu-operator").p != NULL;
    if (!is(command, at, "helm") || !installs || !operator) {
        return;
    }
    struct gs_view generate = find_like(command, "--generate-name", "");
    if (generate.p == NULL) {
        generate = find_like(command, "-g", "");
        generate = generate.n == 2 ? generate : (struct gs_view){NULL, 0};
    }
    if (generate.p != NULL) {
        find_word(script, GS_LINT_TWO_OPERATORS, generate, "gpu-operator");
        replace_word(script, generate, "gpu-operator");
    }
    bool values = has(command, "-f") || find_like(command, "--values", "").p != NULL;
    if (script->work->facts->aws && !values && find_like(command, "", "driver.enabled").p == NULL) {
        gs_lint_find(script->work, GS_LINT_OPERATOR_DRIVER, script->piece,
                     place(script, command->words[0]), command->end, "%s",
                     "--set driver.enabled=false --set toolkit.enabled=false");
        gs_lint_replace(script->work, script->piece, command->end, command->end,
                        " \\\n  --set driver.enabled=false --set toolkit.enabled=false");
    }
}

void gs_lint_shell(struct gs_lint_work *work, const struct gs_lint_piece *piece)
{
    struct script script = {.work = work, .piece = piece};
    struct gs_lint_command command;
    uint32_t at = 0;
    while (gs_lint_command_next(piece, &at, &command)) {
        check_install(&script, &command);
        check_reboot(&script, &command, at);
        check_smi(&script, &command);
        check_kubectl(&script, &command);
        check_grep(&script, &command);
        check_helm(&script, &command);
    }
}
