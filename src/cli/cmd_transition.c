#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "cli/cmd.h"
#include "cli/draw.h"
#include "core/catalog.h"
#include "core/transition.h"
#include "term/exit.h"
#include "term/output.h"

#define TABLE_MEMORY_MAX ((size_t)256 << 20)

struct transition_args {
    const char *model;
    const char *from;
    const char *to;
    unsigned format;
};

static const struct gs_option options[] = {
    {.name = "model",
     .letter = 'm',
     .arg = "MODEL",
     GS_TO_TEXT(struct transition_args, model),
     .complete = GS_COMPLETE_MODEL,
     .help = "the GPU model, by id, product name or PCI id"},
    {.name = "from",
     .arg = "PLACED",
     GS_TO_TEXT(struct transition_args, from),
     .help = "the slices there are and their memory units, '3g.20gb@4!,1g.5gb@0'; ! is in use and "
             "must stay; empty text is an empty GPU"},
    {.name = "to",
     .arg = "LAYOUT",
     GS_TO_TEXT(struct transition_args, to),
     .help = "what is wanted: counts, '3g.20gb=1,2g.10gb=2', or places, '3g.20gb@4'"},
    GS_OPTION_OUTPUT(struct transition_args, format, gs_format_names),
};

static const struct gs_example examples[] = {
    {"gpuslice transition --model A100-40GB --from '3g.20gb@4!,1g.5gb@0' --to "
     "'3g.20gb=1,2g.10gb=2'",
     "two 2g beside a 3g that is in use"},
    {"gpuslice transition -m A30 --from '' --to '2g.12gb,1g.6gb=2' -o json",
     "how to cut an empty GPU, for programs"},
};

const struct gs_command gs_command_transition = {
    .name = "transition",
    .summary = "show the steps from one layout of a GPU to another",
    .text = "The fewest slices are destroyed and created, in an order in which the GPU is legal "
            "after each step. Slices in use never move.",
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .impossible = "slices in use stand in the way, or the GPU cannot be cut so (said which)",
    .run = gs_cmd_transition,
};

/* A GPU before, after, and the steps between. */
struct change {
    const struct gs_statetable *table;
    struct gs_layout from;
    struct gs_layout to;
    struct gs_transition transition;
};

/* The slices in use are the same before and after. */
static void lay_out_end(struct change *change, uint64_t in_use)
{
    gs_layout_from_set(change->table, change->table->sets[change->transition.to], in_use,
                       &change->to);
}

static int plan_change(struct gs_arena *arena, const struct transition_args *args,
                       struct change *ret_change, struct gs_err *err)
{
    const struct gs_model *model;
    struct gs_layout_goal goal;
    struct change change = {0};
    int r = gs_catalog_find(gs_view(args->model), &model, err);
    if (r < 0 || (r = gs_model_require_placements(model, err)) < 0) {
        return r;
    }
    if ((r = gs_layout_parse(model, gs_view(args->from), &change.from, err)) < 0) {
        gs_wrap(err, r, "--from");
        /* no GPU can be cut so now: a wrong statement, and not a wish that cannot be met */
        err->code = GS_INVALID;
        return GS_INVALID;
    }
    if ((r = gs_layout_goal_parse(model, gs_view(args->to), &goal, err)) < 0) {
        return gs_wrap(err, r, "--to");
    }
    struct gs_transition_index index;
    if ((r = gs_statetable_new(arena, model, GS_ALL_PROFILES, &change.table, err)) < 0 ||
        (r = gs_transition_index_init(arena, change.table, &index, err)) < 0 ||
        (r = gs_transition_plan(&index, &change.from, &goal, &change.transition, err)) < 0) {
        return r;
    }
    uint16_t state;
    uint64_t in_use;
    if ((r = gs_layout_state(change.table, &change.from, &state, &in_use, err)) < 0) {
        return r;
    }
    lay_out_end(&change, in_use);
    *ret_change = change;
    return 0;
}

static void describe_layout(struct gs_result *result, json_t *at, const struct gs_model *model,
                            const struct gs_layout *layout)
{
    for (unsigned i = 0; i < layout->n_slices; i++) {
        const struct gs_layout_slice *slice = &layout->slices[i];
        json_t *item = gs_result_object(result, at, NULL);
        gs_result_text(result, item, "profile", model->profiles[slice->placement.profile].name);
        gs_result_number(result, item, "start", slice->placement.start);
        gs_result_bool(result, item, "in_use", slice->in_use);
    }
}

static int write_doc(const struct change *change, enum gs_format format, struct gs_err *err)
{
    const struct gs_model *model = change->table->model;
    GS_CLEANUP(gs_result_done) struct gs_result result;
    gs_result_init(&result);
    gs_result_text(&result, result.root, "model", model->id);
    describe_layout(&result, gs_result_array(&result, result.root, "from"), model, &change->from);
    describe_layout(&result, gs_result_array(&result, result.root, "to"), model, &change->to);
    gs_result_number(&result, result.root, "destroys", change->transition.n_destroys);
    gs_result_number(&result, result.root, "creates",
                     change->transition.n_steps - change->transition.n_destroys);
    json_t *steps = gs_result_array(&result, result.root, "steps");
    for (unsigned i = 0; i < change->transition.n_steps; i++) {
        const struct gs_step *step = &change->transition.steps[i];
        json_t *item = gs_result_object(&result, steps, NULL);
        gs_result_text(&result, item, "action", gs_step_word(step->kind));
        gs_result_text(&result, item, "profile", model->profiles[step->placement.profile].name);
        gs_result_number(&result, item, "start", step->placement.start);
    }
    return gs_output_result(&result, format, err);
}

static void write_drawing(const struct change *change, struct gs_buf *text)
{
    const struct gs_model *model = change->table->model;
    gs_buf_puts(text, "        ");
    gs_draw_ruler(model, text);
    gs_buf_puts(text, "\nbefore  ");
    gs_draw_bar(model, &change->from, 0, text);
    gs_buf_puts(text, "\nafter   ");
    gs_draw_bar(model, &change->to, 0, text);
    gs_buf_puts(text, "\n\n");
}

static int write_table(const struct change *change, struct gs_err *err)
{
    static const struct gs_column columns[] = {
        {.title = "STEP", .right = true},
        {.title = "ACTION"},
        {.title = "PROFILE"},
        {.title = "START", .right = true},
    };
    const struct gs_transition *transition = &change->transition;
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table = gs_table_new(columns, GS_ARRAY_LEN(columns));
    for (unsigned i = 0; i < transition->n_steps; i++) {
        const struct gs_step *step = &transition->steps[i];
        gs_table_putf(table, "%u", i + 1);
        gs_table_put(table, gs_step_word(step->kind));
        gs_table_style(table, step->kind == GS_STEP_CREATE ? GS_STYLE_GOOD : GS_STYLE_BAD);
        gs_table_put(table, change->table->model->profiles[step->placement.profile].name);
        gs_table_putf(table, "%u", step->placement.start);
    }
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, GS_OUTPUT_MAX);
    write_drawing(change, &text);
    if (transition->n_steps == 0) {
        gs_buf_puts(&text, "nothing to do: the GPU is cut so already\n");
    } else {
        gs_table_print(table, 0, gs_output_styled(), &text);
        gs_buf_printf(&text, "\n%u destroyed, %u created\n", transition->n_destroys,
                      transition->n_steps - transition->n_destroys);
    }
    return gs_output_text(&text, err);
}

static int check_given(const struct transition_args *args, struct gs_err *err)
{
    const char *missing = args->model == NULL  ? "--model"
                          : args->from == NULL ? "--from"
                          : args->to == NULL   ? "--to"
                                               : NULL;
    if (missing == NULL) {
        return 0;
    }
    return gs_fail(err, GS_INVALID, "transition wants %s; see gpuslice transition --help", missing);
}

int gs_cmd_transition(int argc, char **argv)
{
    struct transition_args args = {.format = GS_FORMAT_TABLE};
    int status;
    if (!gs_cmd_begin(&gs_command_transition, argc, argv, &args, &status)) {
        return status;
    }
    struct gs_err err;
    if (check_given(&args, &err) < 0) {
        return gs_exit_usage(&err);
    }
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, TABLE_MEMORY_MAX);
    struct change change;
    if (plan_change(&arena, &args, &change, &err) < 0) {
        return gs_exit_failed(&err);
    }
    int r = args.format == GS_FORMAT_TABLE ? write_table(&change, &err)
                                           : write_doc(&change, args.format, &err);
    return gs_exit_output(r, &err);
}
