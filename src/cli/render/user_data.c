#include <string.h>

#include "cli/render/render.h"
#include "lint/karpenter.h"

#define URL_LINE "\nurl="
#define SHA_LINE "\nsha256="
enum { SHA256_HEX = 64 };

/* ---- Amazon Linux 2023: the boot step ---- */

static int check_url(const char *url, struct gs_err *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-._~:/?#[]@!$&()*+,;=%";
    if (url == NULL) {
        return gs_fail(err, GS_INVALID,
                       "where do nodes get gpuslice-boot from? give --boot-url and --boot-sha256, "
                       "or --boot-in-image if the machine image has it");
    }
    if (strncmp(url, "https://", 8) != 0 || strspn(url, allowed) != strlen(url) ||
        strlen(url) > 1000) {
        return gs_fail(err, GS_INVALID,
                       "--boot-url: found \"%.100s\"; expected https:// and characters of a URL, "
                       "others %%-encoded",
                       url);
    }
    return 0;
}

static int check_sha256(const char *sha256, struct gs_err *err)
{
    if (sha256 == NULL || strlen(sha256) != SHA256_HEX ||
        strspn(sha256, "0123456789abcdef") != SHA256_HEX) {
        return gs_fail(err, GS_INVALID,
                       "--boot-sha256: found \"%.100s\"; expected the 64 lower-case digits that "
                       "sha256sum gpuslice-boot prints",
                       sha256 == NULL ? "" : sha256);
    }
    return 0;
}

/* Copies the script up to and with `line`; what stands behind it is left out. */
static const char *copy_until(const char *script, const char *line, struct gs_buf *out)
{
    const char *at = strstr(script, line);
    if (at == NULL) {
        out->failed = true;
        return script;
    }
    gs_buf_put(out, script, (size_t)(at - script) + strlen(line));
    at += strlen(line);
    return at + strcspn(at, "\n");
}

static int put_boot_script(const struct gs_render_eks *args, struct gs_buf *out, struct gs_err *err)
{
    int r = check_url(args->boot_url, err);
    r = r == 0 ? check_sha256(args->boot_sha256, err) : r;
    if (r != 0) {
        return r;
    }
    const char *rest = copy_until(gs_lint_boot_user_data, URL_LINE, out);
    gs_buf_printf(out, "'%s'", args->boot_url);
    rest = copy_until(rest, SHA_LINE, out);
    gs_buf_puts(out, args->boot_sha256);
    gs_buf_puts(out, rest);
    return gs_buf_ok(out) ? 0 : gs_fail(err, GS_NO_MEMORY, "no memory for the user data");
}

/* ---- Bottlerocket: one profile for all GPUs ---- */

/* The key under which Bottlerocket names a model; NULL: it has none. Its settings reference,
 * kubelet-device-plugins.nvidia.mig.profile. */
static const char *bottlerocket_key(const char *model)
{
    static const struct {
        const char *model;
        const char *key;
    } keys[] = {
        {"A100-40GB", "a100.40gb"},   {"A100-80GB", "a100.80gb"},   {"H100-80GB-SXM5", "h100.80gb"},
        {"H200-141GB", "h200.141gb"}, {"B200-180GB", "b200.180gb"},
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i].model, model) == 0) {
            return keys[i].key;
        }
    }
    return NULL;
}

static int put_bottlerocket(const struct gs_render_names *names, struct gs_buf *out,
                            struct gs_err *err)
{
    const char *gpu = names->instances[0]->gpu_name;
    for (unsigned i = 1; i < names->types.n; i++) {
        if (strcmp(names->instances[i]->gpu_name, gpu) != 0) {
            return gs_fail(
                err, GS_INVALID,
                "%s has %s, %s has %s: Bottlerocket's settings are the layout, so a node "
                "class is for one GPU; render one for each",
                names->types.texts[0], gpu, names->types.texts[i], names->instances[i]->gpu_name);
        }
    }
    const char *key = bottlerocket_key(gpu);
    if (key == NULL) {
        return gs_fail(err, GS_INVALID, "Bottlerocket has no setting that cuts %s", gpu);
    }
    if (names->profiles.n != 1 || strpbrk(names->profiles.texts[0], "+-") != NULL) {
        return gs_fail(err, GS_INVALID,
                       "Bottlerocket cuts all GPUs of a node into one profile: give exactly one "
                       "plain --profile, such as 1g.5gb");
    }
    gs_buf_printf(out,
                  "[settings.kubelet-device-plugins.nvidia]\n"
                  "enabled = false # gpuslice-agent offers the slices\n"
                  "device-partitioning-strategy = \"mig\"\n"
                  "\n"
                  "[settings.kubelet-device-plugins.nvidia.mig.profile]\n"
                  "\"%s\" = \"%s\"\n",
                  key, names->profiles.texts[0]);
    return 0;
}

int gs_render_user_data(const struct gs_render_eks *args, const struct gs_render_names *names,
                        struct gs_buf *out, struct gs_err *err)
{
    if (args->family == GS_RENDER_BOTTLEROCKET) {
        return put_bottlerocket(names, out, err);
    }
    return args->boot_in_image ? 0 : put_boot_script(args, out, err);
}
