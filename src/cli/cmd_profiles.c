#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "cli/cmd.h"
#include "core/catalog.h"
#include "term/exit.h"
#include "term/output.h"

struct profiles_args {
    const char *model;
    unsigned format;
};

static const struct gs_option operand = {
    .arg = "MODEL",
    GS_TO_TEXT(struct profiles_args, model),
    .complete = GS_COMPLETE_MODEL,
    .help = "the GPU model, by id, product name or PCI id; without it, all models are listed",
};

static const struct gs_option options[] = {
    GS_OPTION_OUTPUT(struct profiles_args, format, gs_format_names),
};

static const struct gs_example examples[] = {
    {"gpuslice profiles", "every GPU model that gpuslice knows"},
    {"gpuslice profiles A100-SXM4-40GB", "the slices of one model and where they may start"},
    {"gpuslice profiles 10de:20b0 -o json", "the same by PCI id, for programs"},
};

const struct gs_command gs_command_profiles = {
    .name = "profiles",
    .summary = "list GPU models, or the slices that one can be cut into",
    .text = "A slice takes compute slices and memory units of its GPU, may start at certain memory "
            "units only, and takes whole engines with it. What is not known of a model is shown "
            "as - (null in JSON and YAML); a model whose placements are not known is never "
            "planned.",
    .operand = &operand,
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .run = gs_cmd_profiles,
};

/* The keys of enum gs_engine in documents. */
static const char *const engine_keys[GS_ENGINES] = {
    [GS_ENGINE_COPY] = "copy", [GS_ENGINE_DECODER] = "decoder", [GS_ENGINE_ENCODER] = "encoder",
    [GS_ENGINE_JPEG] = "jpeg", [GS_ENGINE_OFA] = "ofa",
};

/* A number of the catalogue where 0 cannot be and stands for "not known". */
static uint32_t known_or_not(unsigned value)
{
    return value == 0 ? GS_NOT_KNOWN : value;
}

static void put_number(struct gs_table *table, uint32_t value)
{
    if (value == GS_NOT_KNOWN) {
        gs_table_put(table, "-");
    } else {
        gs_table_putf(table, "%u", value);
    }
}

/* What is known of the model as a whole. */
static void describe_model(struct gs_result *result, json_t *at, const struct gs_model *model)
{
    gs_result_text(result, at, "id", model->id);
    json_t *names = gs_result_array(result, at, "product_names");
    for (unsigned i = 0; i < model->n_product_names; i++) {
        gs_result_text(result, names, NULL, model->product_names[i]);
    }
    gs_result_text(result, at, "architecture", model->architecture);
    gs_result_known(result, at, "memory_mib", model->memory_mib);
    gs_result_number(result, at, "compute_slices", model->compute_slices);
    gs_result_known(result, at, "memory_units", known_or_not(model->memory_units));
    gs_result_number(result, at, "max_instances", model->max_instances);
    struct gs_err err;
    int r = gs_model_require_placements(model, &err);
    gs_result_bool(result, at, "planned", r == 0);
    gs_result_text(result, at, "not_planned_because", r == 0 ? NULL : err.msg);
    gs_result_bool(result, at, "verified", model->verified);
}

static void describe_profile(struct gs_result *result, json_t *at, const struct gs_profile *profile)
{
    char resource[GS_PROFILE_NAME_MAX + 20] = "nvidia.com/";
    gs_profile_name_resource(&profile->parts, resource + strlen(resource));
    gs_result_text(result, at, "name", profile->name);
    gs_result_text(result, at, "resource", resource);
    gs_result_number(result, at, "compute_slices", profile->compute_slices);
    gs_result_known(result, at, "memory_units", known_or_not(profile->memory_units));
    gs_result_known(result, at, "memory_mib", profile->memory_mib);
    gs_result_known(result, at, "sm_count", profile->sm_count);
    json_t *engines = gs_result_object(result, at, "engines");
    for (unsigned e = 0; e < GS_ENGINES; e++) {
        gs_result_known(result, engines, engine_keys[e], profile->engines[e]);
    }
    gs_result_number(result, at, "max_instances", profile->max_instances);
    if (profile->starts == 0) {
        gs_result_null(result, at, "starts");
        return;
    }
    json_t *starts = gs_result_array(result, at, "starts");
    for (unsigned u = 0; u < GS_MEMORY_UNITS_MAX; u++) {
        if ((profile->starts >> u & 1u) != 0) {
            gs_result_number(result, starts, NULL, u);
        }
    }
}

static int write_models_doc(enum gs_format format, struct gs_err *err)
{
    GS_CLEANUP(gs_result_done) struct gs_result result;
    gs_result_init(&result);
    json_t *list = gs_result_array(&result, result.root, "models");
    size_t n;
    const struct gs_model *models = gs_catalog(&n);
    for (size_t i = 0; i < n; i++) {
        json_t *at = gs_result_object(&result, list, NULL);
        describe_model(&result, at, &models[i]);
        json_t *profiles = gs_result_array(&result, at, "profiles");
        for (unsigned p = 0; p < models[i].n_profiles; p++) {
            gs_result_text(&result, profiles, NULL, models[i].profiles[p].name);
        }
    }
    return gs_output_result(&result, format, err);
}

static int write_model_doc(const struct gs_model *model, enum gs_format format, struct gs_err *err)
{
    GS_CLEANUP(gs_result_done) struct gs_result result;
    gs_result_init(&result);
    describe_model(&result, result.root, model);
    json_t *profiles = gs_result_array(&result, result.root, "profiles");
    for (unsigned p = 0; p < model->n_profiles; p++) {
        describe_profile(&result, gs_result_object(&result, profiles, NULL), &model->profiles[p]);
    }
    return gs_output_result(&result, format, err);
}

static void put_product_names(struct gs_table *table, const struct gs_model *model)
{
    char names[400] = "";
    size_t used = 0;
    for (unsigned i = 0; i < model->n_product_names && used < sizeof(names); i++) {
        int n = snprintf(names + used, sizeof(names) - used, "%s%s", i == 0 ? "" : ", ",
                         model->product_names[i]);
        used += n > 0 ? (size_t)n : 0;
    }
    gs_table_put(table, names);
}

static void put_model_row(struct gs_table *table, const struct gs_model *model)
{
    gs_table_put(table, model->id);
    gs_table_put(table, model->architecture);
    put_number(table, model->memory_mib);
    put_number(table, model->compute_slices);
    put_number(table, known_or_not(model->memory_units));
    put_number(table, model->max_instances);
    put_number(table, model->n_profiles);
    gs_table_put(table, model->placements_known ? "yes" : "no");
    gs_table_style(table, model->placements_known ? GS_STYLE_GOOD : GS_STYLE_BAD);
    gs_table_put(table, model->verified ? "yes" : "partly");
    put_product_names(table, model);
}

static int write_models_table(struct gs_err *err)
{
    static const struct gs_column columns[] = {
        {.title = "MODEL"},
        {.title = "ARCHITECTURE"},
        {.title = "MEMORY MIB", .right = true},
        {.title = "COMPUTE", .right = true},
        {.title = "UNITS", .right = true},
        {.title = "INSTANCES", .right = true},
        {.title = "PROFILES", .right = true},
        {.title = "PLANNED"},
        {.title = "VERIFIED"},
        {.title = "PRODUCT NAMES"},
    };
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table = gs_table_new(columns, GS_ARRAY_LEN(columns));
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, GS_OUTPUT_MAX);
    size_t n;
    const struct gs_model *models = gs_catalog(&n);
    for (size_t i = 0; i < n; i++) {
        put_model_row(table, &models[i]);
    }
    gs_table_print(table, 0, gs_output_styled(), &text);
    gs_buf_puts(&text, "\nCOMPUTE: compute slices; UNITS: memory units; INSTANCES: slices of one "
                       "GPU at most;\nVERIFIED partly: some facts are inherited from a sibling "
                       "model.\n");
    for (size_t i = 0; i < n; i++) {
        struct gs_err why;
        if (gs_model_require_placements(&models[i], &why) < 0) {
            gs_buf_printf(&text, "%s\n", why.msg);
        }
    }
    return gs_output_text(&text, err);
}

/* One mark a memory unit: `#` a slice may start here, `-` one that starts before reaches here,
 * `.` none does. Marks stand below the last digits of the title's numbers. */
static void put_starts(struct gs_table *table, const struct gs_model *model,
                       const struct gs_profile *profile)
{
    char marks[3 * GS_MEMORY_UNITS_MAX + 1] = "-";
    size_t n = 0;
    uint16_t reached = 0;
    for (unsigned u = 0; u < model->memory_units && profile->starts != 0; u++) {
        bool starts = (profile->starts >> u & 1u) != 0;
        reached |= starts ? gs_profile_span(profile, u) : 0;
        char mark = starts ? '#' : ((unsigned)reached >> u & 1u) != 0 ? '-' : '.';
        n += (size_t)snprintf(marks + n, sizeof(marks) - n, "%*c",
                              u == 0   ? 1
                              : u < 10 ? 2
                                       : 3,
                              mark);
    }
    gs_table_put(table, marks);
}

static void put_profile_row(struct gs_table *table, const struct gs_model *model,
                            const struct gs_profile *profile)
{
    char resource[GS_PROFILE_NAME_MAX + 5];
    gs_profile_name_resource(&profile->parts, resource);
    gs_table_put(table, profile->name);
    gs_table_put(table, resource);
    put_number(table, profile->compute_slices);
    put_number(table, known_or_not(profile->memory_units));
    put_number(table, profile->memory_mib);
    put_number(table, profile->sm_count);
    for (unsigned e = 0; e < GS_ENGINES; e++) {
        put_number(table, profile->engines[e]);
    }
    put_number(table, profile->max_instances);
    put_starts(table, model, profile);
}

static void write_heading(struct gs_buf *text, const struct gs_model *model)
{
    gs_buf_printf(text, "%s: %u compute slices, ", model->id, model->compute_slices);
    if (model->memory_units != 0) {
        gs_buf_printf(text, "%u memory units, ", model->memory_units);
    }
    gs_buf_printf(text, "%u slices at most", model->max_instances);
    gs_buf_puts(text,
                model->verified ? "\n\n" : "; some facts are inherited from a sibling model\n\n");
}

static int write_model_table(const struct gs_model *model, struct gs_err *err)
{
    char ruler[3 * GS_MEMORY_UNITS_MAX + 1] = "STARTS";
    size_t n = 0;
    for (unsigned u = 0; u < model->memory_units; u++) {
        n += (size_t)snprintf(ruler + n, sizeof(ruler) - n, u == 0 ? "%u" : " %u", u);
    }
    const struct gs_column columns[] = {
        {.title = "PROFILE"},
        {.title = "NVIDIA.COM/"},
        {.title = "COMPUTE", .right = true},
        {.title = "UNITS", .right = true},
        {.title = "MIB", .right = true},
        {.title = "SM", .right = true},
        {.title = "COPY", .right = true},
        {.title = "DEC", .right = true},
        {.title = "ENC", .right = true},
        {.title = "JPEG", .right = true},
        {.title = "OFA", .right = true},
        {.title = "MAX", .right = true},
        {.title = ruler},
    };
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table = gs_table_new(columns, GS_ARRAY_LEN(columns));
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, GS_OUTPUT_MAX);
    for (unsigned p = 0; p < model->n_profiles; p++) {
        put_profile_row(table, model, &model->profiles[p]);
    }
    write_heading(&text, model);
    gs_table_print(table, 0, gs_output_styled(), &text);
    struct gs_err why;
    if (gs_model_require_placements(model, &why) < 0) {
        gs_buf_printf(&text, "\n%s\n", why.msg);
    } else {
        gs_buf_puts(&text, "\nMemory units: # a slice may start here, - it reaches to here.\n");
    }
    return gs_output_text(&text, err);
}

int gs_cmd_profiles(int argc, char **argv)
{
    struct profiles_args args = {.format = GS_FORMAT_TABLE};
    int status;
    if (!gs_cmd_begin(&gs_command_profiles, argc, argv, &args, &status)) {
        return status;
    }
    struct gs_err err;
    bool table = args.format == GS_FORMAT_TABLE;
    if (args.model == NULL) {
        int r = table ? write_models_table(&err) : write_models_doc(args.format, &err);
        return gs_exit_output(r, &err);
    }
    const struct gs_model *model;
    if (gs_catalog_find(gs_view(args.model), &model, &err) < 0) {
        return gs_exit_failed(&err);
    }
    int r = table ? write_model_table(model, &err) : write_model_doc(model, args.format, &err);
    return gs_exit_output(r, &err);
}
