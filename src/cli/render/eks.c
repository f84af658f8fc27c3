#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/render/render.h"
#include "term/exit.h"
#include "term/outfile.h"
#include "term/output.h"

#define USER_DATA_BYTES_MAX 16384 /* EC2's limit */

static const char *const formats[] = {"yaml", "json", NULL};
static const char *const families[] = {"al2023", "bottlerocket", NULL};

static const struct gs_option options[] = {
    {.group = "The cluster",
     .name = "cluster",
     .arg = "NAME",
     GS_TO_TEXT(struct gs_render_eks, cluster),
     .help = "of the EKS cluster; subnets and security groups are found by the tag "
             "karpenter.sh/discovery: NAME"},
    {.name = "role",
     .arg = "NAME",
     GS_TO_TEXT(struct gs_render_eks, role),
     .help = "IAM role of the nodes: its name, not its ARN"},
    {.name = "region",
     .arg = "NAME",
     GS_TO_TEXT(struct gs_render_eks, region),
     .help = "whether the prices there are known is checked; limits in dollars need them"},
    {.group = "The nodes",
     .name = "name",
     .arg = "NAME",
     GS_TO_TEXT(struct gs_render_eks, name),
     .help = "of the SlicePool and the EC2NodeClass"},
    {.name = "instance-types",
     .arg = "LIST",
     GS_TO_LIST(struct gs_render_eks, types),
     .help = "that may be bought"},
    {.name = "profiles",
     .arg = "LIST",
     GS_TO_LIST(struct gs_render_eks, profiles),
     .help = "into which GPUs may be cut; all without it"},
    {.name = "capacity-types",
     .arg = "LIST",
     GS_TO_LIST(struct gs_render_eks, capacity_types),
     .help = "on-demand, spot, reserved; on-demand without it"},
    {.name = "zones",
     .arg = "LIST",
     GS_TO_LIST(struct gs_render_eks, zones),
     .help = "in which they may be bought; any without it"},
    {.name = "limit-gpus",
     .arg = "COUNT",
     GS_TO_TEXT(struct gs_render_eks, gpus),
     .help = "GPUs at most; a whole node has to be within it"},
    {.name = "limit-usd-per-hour",
     .arg = "USD",
     GS_TO_TEXT(struct gs_render_eks, usd),
     .help = "dollars an hour at most; with --region it is checked that a node is within it"},
    {.group = "How they start",
     .name = "family",
     .arg = "FAMILY",
     GS_TO_CHOICE(struct gs_render_eks, family, families),
     .help = "of machine images; Bottlerocket cuts all GPUs into one profile"},
    {.name = "ami-version",
     .arg = "VERSION",
     GS_TO_TEXT(struct gs_render_eks, ami_version),
     .help = "of the image, as Karpenter's alias has it (v20260714); latest without it"},
    {.name = "boot-url",
     .arg = "URL",
     GS_TO_TEXT(struct gs_render_eks, boot_url),
     .help = "where nodes get the program gpuslice-boot"},
    {.name = "boot-sha256",
     .arg = "DIGITS",
     GS_TO_TEXT(struct gs_render_eks, boot_sha256),
     .help = "its checksum"},
    {.name = "boot-in-image",
     GS_TO_FLAG(struct gs_render_eks, boot_in_image),
     .help = "the image has the boot step; no user data"},
    {.group = "Output",
     .name = "helm-values",
     .arg = "FILE",
     GS_TO_TEXT(struct gs_render_eks, values),
     .complete = GS_COMPLETE_FILE,
     .help = "write what Karpenter's own chart has to be told, for helm --values"},
    {.name = "output",
     .letter = 'o',
     .arg = "FORMAT",
     GS_TO_CHOICE(struct gs_render_eks, format, formats),
     .help = "how the objects are written"},
};

static const struct gs_example examples[] = {
    {"gpuslice render eks --cluster prod --role KarpenterNodeRole-prod --instance-types "
     "p4d.24xlarge --profiles 1g.5gb,3g.20gb --limit-gpus 64 --boot-url "
     "https://example.com/gpuslice-boot --boot-sha256 $(sha256sum gpuslice-boot | cut -c1-64) | "
     "kubectl apply --server-side -f -",
     "nodes that are cut as pods ask for slices"},
    {"gpuslice render eks --cluster prod --role nodes --instance-types g7e.2xlarge --boot-in-image "
     "--helm-values karpenter.yaml",
     "images of your own, and values for the chart of Karpenter"},
    {"gpuslice render eks --cluster prod --role nodes --instance-types p5.48xlarge --family "
     "bottlerocket --profiles 1g.10gb",
     "Bottlerocket: its settings are the layout"},
};

static int render_eks(int argc, char **argv);

static const struct gs_command eks_command = {
    .name = "render eks",
    .summary = "an EC2NodeClass and a SlicePool for EKS with Karpenter",
    .text = "Prints a list of objects for kubectl apply: the node class with the user data that "
            "cuts GPUs before the kubelet starts, and a SlicePool that uses it.",
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .run = render_eks,
};

static const struct gs_command *const subcommands[] = {&eks_command};

const struct gs_command gs_command_render = {
    .name = "render",
    .summary = "write the Kubernetes objects that a cluster needs",
    .text = "Objects are made from a few options and printed; nothing is sent anywhere.\n"
            "gpuslice render COMMAND --help explains one.",
    .subcommands = subcommands,
    .n_subcommands = GS_ARRAY_LEN(subcommands),
    .run = gs_cmd_render,
};

/* ---- objects ---- */

static void put_list(struct gs_result *result, json_t *at, const char *key,
                     const struct gs_render_list *list)
{
    json_t *texts = list->n == 0 ? NULL : gs_result_array(result, at, key);
    for (unsigned i = 0; i < list->n; i++) {
        gs_result_text(result, texts, NULL, list->texts[i]);
    }
}

static json_t *put_object(struct gs_result *result, json_t *items, const char *api,
                          const char *kind, const char *name)
{
    json_t *object = gs_result_object(result, items, NULL);
    gs_result_text(result, object, "apiVersion", api);
    gs_result_text(result, object, "kind", kind);
    gs_result_text(result, gs_result_object(result, object, "metadata"), "name", name);
    return gs_result_object(result, object, "spec");
}

static void put_discovery(struct gs_result *result, json_t *spec, const char *key,
                          const char *cluster)
{
    json_t *terms = gs_result_array(result, spec, key);
    json_t *tags = gs_result_object(result, gs_result_object(result, terms, NULL), "tags");
    gs_result_text(result, tags, "karpenter.sh/discovery", cluster);
}

static void put_node_class(struct gs_result *result, json_t *items,
                           const struct gs_render_eks *args, const struct gs_buf *user_data)
{
    json_t *spec = put_object(result, items, "karpenter.k8s.aws/v1", "EC2NodeClass", args->name);
    char alias[64];
    snprintf(alias, sizeof(alias), "%s@%s", families[args->family], args->ami_version);
    gs_result_text(result, spec, "role", args->role);
    json_t *terms = gs_result_array(result, spec, "amiSelectorTerms");
    gs_result_text(result, gs_result_object(result, terms, NULL), "alias", alias);
    put_discovery(result, spec, "subnetSelectorTerms", args->cluster);
    put_discovery(result, spec, "securityGroupSelectorTerms", args->cluster);
    if (user_data->len > 0) {
        gs_result_text(result, spec, "userData", gs_buf_text(user_data));
    }
}

static void put_slicepool(struct gs_result *result, json_t *items, const struct gs_render_eks *args,
                          const struct gs_render_names *names)
{
    json_t *spec = put_object(result, items, "gpuslice.dev/v1alpha1", "SlicePool", args->name);
    json_t *class = gs_result_object(result, spec, "nodeClassRef");
    uint64_t gpus = 0;
    gs_result_text(result, class, "group", "karpenter.k8s.aws");
    gs_result_text(result, class, "kind", "EC2NodeClass");
    gs_result_text(result, class, "name", args->name);
    put_list(result, spec, "instanceTypes", &names->types);
    put_list(result, spec, "profiles", &names->profiles);
    put_list(result, spec, "capacityTypes", &names->capacity_types);
    put_list(result, spec, "zones", &names->zones);
    if (args->gpus == NULL && args->usd == NULL) {
        return;
    }
    json_t *limits = gs_result_object(result, spec, "limits");
    if (args->gpus != NULL && gs_view_is_integer(gs_view(args->gpus), 1000000, &gpus)) {
        gs_result_number(result, limits, "gpus", gpus);
    }
    if (args->usd != NULL) {
        gs_result_text(result, limits, "usdPerHour", args->usd);
    }
}

static int write_objects(const struct gs_render_eks *args, const struct gs_render_names *names,
                         struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf user_data;
    GS_CLEANUP(gs_result_done) struct gs_result result;
    gs_buf_init(&user_data, USER_DATA_BYTES_MAX);
    gs_result_init(&result);
    int r = gs_render_user_data(args, names, &user_data, err);
    if (r != 0) {
        return r;
    }
    gs_result_text(&result, result.root, "apiVersion", "v1");
    gs_result_text(&result, result.root, "kind", "List");
    json_t *items = gs_result_array(&result, result.root, "items");
    put_node_class(&result, items, args, &user_data);
    put_slicepool(&result, items, args, names);
    return gs_output_result(&result, args->format == 0 ? GS_FORMAT_YAML : GS_FORMAT_JSON, err);
}

/* ---- Karpenter's values ---- */

static int write_values(const struct gs_render_eks *args, struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    GS_CLEANUP(gs_result_done) struct gs_result result;
    gs_buf_init(&text, 16 << 10);
    gs_result_init(&result);
    json_t *settings = gs_result_object(&result, result.root, "settings");
    gs_result_text(&result, settings, "clusterName", args->cluster);
    gs_result_bool(&result, gs_result_object(&result, settings, "featureGates"), "nodeOverlay",
                   true);
    if (!gs_result_ok(&result)) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the values");
    }
    gs_yaml_encode(result.root, &text);
    const struct gs_view bytes = {.p = gs_buf_text(&text), .n = text.len};
    return gs_buf_ok(&text) ? gs_outfile_write("helm-values", args->values, bytes, err)
                            : gs_fail(err, GS_NO_MEMORY, "no memory for the values");
}

/* Types that the limits rule out, beside others that they do not. */
static void warn_beyond(const struct gs_render_eks *args, const struct gs_render_names *names)
{
    char text[GS_RENDER_TEXT_MAX];
    char line[GS_RENDER_TEXT_MAX + 100];
    for (unsigned i = 0; i < names->types.n; i++) {
        if (gs_render_is_beyond(args, names, i, text)) {
            snprintf(line, sizeof(line), "%.63s is never bought: %s", names->types.texts[i], text);
            gs_exit_note(line);
        }
    }
}

static int render_eks(int argc, char **argv)
{
    struct gs_render_eks args = {.name = "gpus", .ami_version = "latest"};
    static struct gs_render_names names; /* large, and there is one run */
    struct gs_err err;
    int status;
    if (!gs_cmd_begin(&eks_command, argc, argv, &args, &status)) {
        return status;
    }
    int r = gs_render_read(&args, &names, &err);
    if (r != 0) {
        return gs_exit_failed(&err);
    }
    warn_beyond(&args, &names);
    r = args.values == NULL ? 0 : write_values(&args, &err);
    if (r != 0) {
        return gs_exit_output(r, &err);
    }
    r = write_objects(&args, &names, &err);
    return r == GS_INVALID ? gs_exit_failed(&err) : gs_exit_output(r, &err);
}

int gs_cmd_render(int argc, char **argv)
{
    struct gs_err err;
    int status;
    if (argc < 2) {
        gs_fail(&err, GS_INVALID, "render wants a command: eks; see gpuslice render --help");
        return gs_exit_usage(&err);
    }
    if (argv[1][0] == '-') {
        char nothing[1];
        return gs_cmd_begin(&gs_command_render, argc, argv, nothing, &status)
                   ? gs_cmd_render(1, argv)
                   : status;
    }
    if (strcmp(argv[1], "eks") == 0) {
        return render_eks(argc - 1, argv + 1);
    }
    gs_fail(&err, GS_INVALID, "render has no command \"%.100s\"; see gpuslice render --help",
            argv[1]);
    return gs_exit_usage(&err);
}
