#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "cli/cmd.h"
#include "cli/draw.h"
#include "core/catalog.h"
#include "term/exit.h"
#include "term/output.h"

#define TABLE_MEMORY_MAX ((size_t)256 << 20)

struct layouts_args {
    const char *model;
    const char *with;
    const char *profiles;
    bool maximal;
    bool placed;
    unsigned format;
};

static const struct gs_option operand = {
    .arg = "MODEL",
    GS_TO_TEXT(struct layouts_args, model),
    .complete = GS_COMPLETE_MODEL,
    .help = "the GPU model, by id, product name or PCI id",
};

static const struct gs_option options[] = {
    {.name = "maximal",
     GS_TO_FLAG(struct layouts_args, maximal),
     .help = "only layouts to which no slice can be added"},
    {.name = "with",
     .arg = "COUNTS",
     GS_TO_TEXT(struct layouts_args, with),
     .help = "only layouts with at least so many slices, 3g.20gb=1,1g.5gb=2"},
    {.name = "profiles",
     .arg = "NAMES",
     GS_TO_TEXT(struct layouts_args, profiles),
     .help = "use these profiles only, 1g.5gb,2g.10gb; all others are left aside"},
    {.name = "placed",
     GS_TO_FLAG(struct layouts_args, placed),
     .help = "tell apart layouts with the same slices at other memory units"},
    GS_OPTION_OUTPUT(struct layouts_args, format, gs_format_names),
};

static const struct gs_example examples[] = {
    {"gpuslice layouts A100-40GB --maximal", "the ways to cut an A100 that leave no room"},
    {"gpuslice layouts A100-40GB --with 3g.20gb=1,1g.5gb=2", "what can stand beside these slices"},
    {"gpuslice layouts A30 --placed -o json", "with every placement, for programs"},
};

const struct gs_command gs_command_layouts = {
    .name = "layouts",
    .summary = "list the ways to cut one GPU into slices",
    .text = "A layout says how many slices of each profile one GPU is cut into. It is drawn across "
            "the GPU's memory units at the placements that gpuslice would choose: those that leave "
            "the most room. A free unit is a dot, or x when no slice can take it any more.\n"
            "Stranded is what no further slice can use, however the rest is filled: compute slices "
            "when memory is short, memory units when compute is.",
    .operand = &operand,
    .operand_required = true,
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .examples = examples,
    .n_examples = GS_ARRAY_LEN(examples),
    .impossible = "no layout has what --with asks for, or the model's placements are not known",
    .run = gs_cmd_layouts,
};

/* What a state takes of the GPU, and the most that it and all that can be added take. */
struct use {
    uint8_t compute;
    uint8_t memory;
    uint8_t compute_at_best;
    uint8_t memory_at_best;
};

struct listing {
    const struct gs_statetable *table;
    struct use *uses; /* a state */
    uint16_t *states; /* those to show, in order */
    size_t n;
    bool placed;
    bool maximal_only;
};

static uint8_t larger(uint8_t a, uint8_t b)
{
    return a > b ? a : b;
}

/* A state's larger sets have higher numbers, so the best of each is known before it is asked for
 * when states are taken from the last to the first. */
static void work_out_uses(const struct gs_statetable *table, struct use *uses)
{
    for (unsigned s = table->n_states; s-- > 0;) {
        struct use use = {0};
        for (uint64_t rest = table->sets[s]; rest != 0; rest &= rest - 1) {
            unsigned p = table->placements[__builtin_ctzll(rest)].profile;
            use.compute = (uint8_t)(use.compute + table->model->profiles[p].compute_slices);
            use.memory = (uint8_t)(use.memory + table->model->profiles[p].memory_units);
        }
        use.compute_at_best = use.compute;
        use.memory_at_best = use.memory;
        for (unsigned i = 0; i < table->n_placements; i++) {
            uint16_t next = table->next[(size_t)s * table->n_placements + i];
            if (next != GS_STATE_NONE) {
                use.compute_at_best = larger(use.compute_at_best, uses[next].compute_at_best);
                use.memory_at_best = larger(use.memory_at_best, uses[next].memory_at_best);
            }
        }
        uses[s] = use;
    }
}

static unsigned stranded_compute(const struct listing *listing, uint16_t state)
{
    return (unsigned)listing->table->model->compute_slices - listing->uses[state].compute_at_best;
}

static unsigned stranded_memory(const struct listing *listing, uint16_t state)
{
    return (unsigned)listing->table->model->memory_units - listing->uses[state].memory_at_best;
}

/* The free memory units that no placement can take any more. */
static uint16_t dead_units(const struct gs_statetable *table, uint16_t state)
{
    uint16_t alive = table->occupied[state];
    for (unsigned i = 0; i < table->n_placements; i++) {
        if (table->next[(size_t)state * table->n_placements + i] != GS_STATE_NONE) {
            alive |= table->placements[i].span;
        }
    }
    return (uint16_t)~alive;
}

/* In a listing of placed layouts maximal speaks of positions, else of counts. */
static bool is_maximal(const struct listing *listing, uint16_t state)
{
    return listing->placed ? gs_statetable_is_full(listing->table, state)
                           : listing->table->multisets[listing->table->multiset[state]].maximal;
}

static bool has_at_least(const struct gs_multiset *multiset, const uint8_t *counts)
{
    for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
        if (multiset->counts[p] < counts[p]) {
            return false;
        }
    }
    return true;
}

static void choose_states(struct listing *listing, const uint8_t *with)
{
    const struct gs_statetable *table = listing->table;
    unsigned n = listing->placed ? table->n_states : table->n_multisets;
    for (unsigned i = 0; i < n; i++) {
        uint16_t state = listing->placed ? (uint16_t)i : table->multisets[i].state;
        if (has_at_least(&table->multisets[table->multiset[state]], with) &&
            (!listing->maximal_only || is_maximal(listing, state))) {
            listing->states[listing->n++] = state;
        }
    }
}

static int parse_profiles(const struct gs_model *model, const char *names, uint32_t *ret_mask,
                          struct gs_err *err)
{
    uint32_t mask = 0;
    struct gs_view rest = gs_view(names);
    while (rest.p != NULL) {
        unsigned index;
        struct gs_view name = gs_view_trim(gs_view_split(&rest, ','));
        int r = gs_model_profile_find(model, name, &index, err);
        if (r < 0) {
            return gs_wrap(err, r, "--profiles");
        }
        mask |= 1u << index;
    }
    *ret_mask = mask;
    return 0;
}

/* --with may name a profile that --profiles leaves aside: then there is nothing to find. */
static int check_with(const struct gs_model *model, uint32_t mask, const uint8_t *with,
                      struct gs_err *err)
{
    for (unsigned p = 0; p < model->n_profiles; p++) {
        if (with[p] > 0 && (mask >> p & 1u) == 0) {
            return gs_fail(err, GS_INVALID, "--with asks for %s, which --profiles leaves out",
                           model->profiles[p].name);
        }
    }
    int r = gs_layout_check_counts(model, with, err);
    return r < 0 ? gs_wrap(err, r, "--with") : 0;
}

static int make_listing(struct gs_arena *arena, const struct gs_model *model,
                        const struct layouts_args *args, struct listing *ret_listing,
                        struct gs_err *err)
{
    uint32_t mask = GS_ALL_PROFILES;
    uint8_t with[GS_PROFILES_MAX] = {0};
    int r = gs_model_require_placements(model, err);
    if (r == 0 && args->profiles != NULL) {
        r = parse_profiles(model, args->profiles, &mask, err);
    }
    if (r == 0 && args->with != NULL) {
        r = gs_layout_counts_parse(model, gs_view(args->with), with, err);
        r = r < 0 ? gs_wrap(err, r, "--with") : check_with(model, mask, with, err);
    }
    if (r < 0) {
        return r;
    }
    struct listing listing = {.placed = args->placed, .maximal_only = args->maximal};
    r = gs_statetable_new(arena, model, mask, &listing.table, err);
    if (r < 0) {
        return r;
    }
    listing.uses = GS_ARENA_NEW(arena, struct use, listing.table->n_states);
    listing.states = GS_ARENA_NEW(arena, uint16_t, listing.table->n_states);
    if (listing.uses == NULL || listing.states == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the layouts of %s", model->id);
    }
    work_out_uses(listing.table, listing.uses);
    choose_states(&listing, with);
    if (listing.n == 0) {
        return gs_fail(err, GS_INFEASIBLE,
                       "%s has no layout with %s: the slices fit by number, "
                       "but not by their places",
                       model->id, args->with);
    }
    *ret_listing = listing;
    return 0;
}

/* Documents */

static void describe_layout(struct gs_result *result, json_t *at, const struct listing *listing,
                            uint16_t state)
{
    const struct gs_statetable *table = listing->table;
    const struct gs_model *model = table->model;
    const struct gs_multiset *multiset = &table->multisets[table->multiset[state]];
    const struct use *use = &listing->uses[state];
    json_t *slices = gs_result_object(result, at, "slices");
    for (unsigned p = 0; p < model->n_profiles; p++) {
        if (multiset->counts[p] > 0) {
            gs_result_number(result, slices, model->profiles[p].name, multiset->counts[p]);
        }
    }
    struct gs_layout layout;
    gs_layout_from_set(table, table->sets[state], 0, &layout);
    json_t *placements = gs_result_array(result, at, "placements");
    for (unsigned i = 0; i < layout.n_slices; i++) {
        json_t *item = gs_result_object(result, placements, NULL);
        const struct gs_placement *placement = &layout.slices[i].placement;
        gs_result_text(result, item, "profile", model->profiles[placement->profile].name);
        gs_result_number(result, item, "start", placement->start);
    }
    gs_result_bool(result, at, "maximal", is_maximal(listing, state));
    gs_result_number(result, at, "free_compute_slices",
                     model->compute_slices - (unsigned)use->compute);
    gs_result_number(result, at, "free_memory_units", model->memory_units - (unsigned)use->memory);
    gs_result_number(result, at, "stranded_compute_slices", stranded_compute(listing, state));
    gs_result_number(result, at, "stranded_memory_units", stranded_memory(listing, state));
}

static int write_doc(const struct listing *listing, enum gs_format format, struct gs_err *err)
{
    const struct gs_model *model = listing->table->model;
    GS_CLEANUP(gs_result_done) struct gs_result result;
    gs_result_init(&result);
    gs_result_text(&result, result.root, "model", model->id);
    gs_result_number(&result, result.root, "compute_slices", model->compute_slices);
    gs_result_number(&result, result.root, "memory_units", model->memory_units);
    json_t *profiles = gs_result_array(&result, result.root, "profiles");
    for (unsigned p = 0; p < model->n_profiles; p++) {
        if ((listing->table->profiles >> p & 1u) != 0) {
            gs_result_text(&result, profiles, NULL, model->profiles[p].name);
        }
    }
    gs_result_bool(&result, result.root, "placed", listing->placed);
    gs_result_number(&result, result.root, "count", listing->n);
    json_t *layouts = gs_result_array(&result, result.root, "layouts");
    for (size_t i = 0; i < listing->n; i++) {
        describe_layout(&result, gs_result_object(&result, layouts, NULL), listing,
                        listing->states[i]);
    }
    return gs_output_result(&result, format, err);
}

/* Tables */

/* "1 compute slice, 2 memory units", or "-". */
static void put_stranded(struct gs_table *table, const struct listing *listing, uint16_t state)
{
    unsigned compute = stranded_compute(listing, state);
    unsigned memory = stranded_memory(listing, state);
    char text[80] = "-";
    size_t n = 0;
    if (compute > 0) {
        n = (size_t)snprintf(text, sizeof(text), "%u compute slice%s", compute,
                             compute == 1 ? "" : "s");
    }
    if (memory > 0) {
        snprintf(text + n, sizeof(text) - n, "%s%u memory unit%s", n == 0 ? "" : ", ", memory,
                 memory == 1 ? "" : "s");
    }
    gs_table_put(table, text);
    gs_table_style(table, compute + memory > 0 ? GS_STYLE_BAD : GS_STYLE_PLAIN);
}

static void put_row(struct gs_table *table, const struct listing *listing, uint16_t state)
{
    const struct gs_statetable *states = listing->table;
    const struct gs_model *model = states->model;
    struct gs_layout layout;
    gs_layout_from_set(states, states->sets[state], 0, &layout);
    char name[GS_LAYOUT_TEXT_MAX + 1];
    if (listing->placed) {
        gs_layout_format(model, &layout, name);
    } else {
        gs_layout_counts_format(model, states->multisets[states->multiset[state]].counts, name);
    }
    GS_CLEANUP(gs_buf_done) struct gs_buf bar;
    gs_buf_init(&bar, 1024);
    gs_draw_bar(model, &layout, dead_units(states, state), &bar);
    const struct use *use = &listing->uses[state];
    gs_table_put(table, name[0] == '\0' ? "(empty)" : name);
    gs_table_put(table, gs_buf_text(&bar));
    gs_table_putf(table, "%d", model->compute_slices - use->compute);
    gs_table_putf(table, "%d", model->memory_units - use->memory);
    put_stranded(table, listing, state);
    if (!listing->maximal_only) {
        gs_table_put(table, is_maximal(listing, state) ? "yes" : "-");
    }
}

static void write_counts(struct gs_buf *text, const struct listing *listing)
{
    const struct gs_statetable *table = listing->table;
    size_t maximal = 0;
    for (size_t i = 0; i < listing->n; i++) {
        maximal += is_maximal(listing, listing->states[i]) ? 1 : 0;
    }
    gs_buf_printf(text, "\n%zu layout%s%s, %zu maximal", listing->n, listing->n == 1 ? "" : "s",
                  listing->placed ? " told apart by place" : "", maximal);
    gs_buf_printf(text, "; %s has %u with %u profiles, and %u by place\n", table->model->id,
                  table->n_multisets, (unsigned)__builtin_popcount(table->profiles),
                  table->n_states);
}

static int write_table(const struct listing *listing, struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf ruler;
    gs_buf_init(&ruler, 1024);
    gs_draw_ruler(listing->table->model, &ruler);
    const struct gs_column columns[] = {
        {.title = "LAYOUT"},
        {.title = gs_buf_text(&ruler)},
        {.title = "FREE COMPUTE", .right = true},
        {.title = "FREE UNITS", .right = true},
        {.title = "STRANDED"},
        {.title = "MAXIMAL"},
    };
    GS_CLEANUP(gs_table_freep)
    struct gs_table *table =
        gs_table_new(columns, GS_ARRAY_LEN(columns) - (listing->maximal_only ? 1 : 0));
    for (size_t i = 0; i < listing->n; i++) {
        put_row(table, listing, listing->states[i]);
    }
    GS_CLEANUP(gs_buf_done) struct gs_buf text;
    gs_buf_init(&text, GS_OUTPUT_MAX);
    gs_table_print(table, 0, gs_output_styled(), &text);
    write_counts(&text, listing);
    return gs_output_text(&text, err);
}

static int list_layouts(const struct gs_model *model, const struct layouts_args *args)
{
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, TABLE_MEMORY_MAX);
    struct listing listing = {.n = 0}; /* gcc cannot see that failures are negative */
    struct gs_err err;
    if (make_listing(&arena, model, args, &listing, &err) < 0) {
        return gs_exit_failed(&err);
    }
    int r = args->format == GS_FORMAT_TABLE ? write_table(&listing, &err)
                                            : write_doc(&listing, args->format, &err);
    return gs_exit_output(r, &err);
}

int gs_cmd_layouts(int argc, char **argv)
{
    struct layouts_args args = {.format = GS_FORMAT_TABLE};
    int status;
    if (!gs_cmd_begin(&gs_command_layouts, argc, argv, &args, &status)) {
        return status;
    }
    const struct gs_model *model;
    struct gs_err err;
    if (gs_catalog_find(gs_view(args.model), &model, &err) < 0) {
        return gs_exit_failed(&err);
    }
    return list_layouts(model, &args);
}
