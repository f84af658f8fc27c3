/* The schema of SlicePools as a table. */
#include "base/cleanup.h"
#include "lint/slicepool.h"

#define NAME "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
#define VALUE "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$"

/* As deploy/crds/slicepools.yaml has them; a test compares. "x[]" are the items of a list, "x{}"
 * the values of a map with keys of any name. */
static const struct gs_lint_schema rows[] = {
    {"spec", GS_LINT_WANT_MAP, .need = true, .expected = "a map with nodeClassRef, instanceTypes"},
    {"spec.nodeClassRef", GS_LINT_WANT_MAP, .need = true, .expected = "a map such as {name: gpus}"},
    {"spec.nodeClassRef.group", GS_LINT_WANT_TEXT, false, true, 1, 253, .pattern = NAME,
     .expected = "an API group such as karpenter.k8s.aws"},
    {"spec.nodeClassRef.kind", GS_LINT_WANT_TEXT, false, true, 1, 63,
     .pattern = "^[A-Za-z][A-Za-z0-9]*$", .expected = "a kind such as EC2NodeClass"},
    {"spec.nodeClassRef.name", GS_LINT_WANT_TEXT, true, false, 1, 253, .pattern = NAME,
     .expected = "the name of a node class"},
    {"spec.instanceTypes", GS_LINT_WANT_LIST, true, false, 1, 32,
     .expected = "a list of 1 to 32 types, such as [p4d.24xlarge]"},
    {"spec.instanceTypes[]", GS_LINT_WANT_TEXT, false, false, 1, 63,
     .pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$", .expected = "a type such as p4d.24xlarge"},
    {"spec.capacityTypes", GS_LINT_WANT_LIST, false, true, 1, 3,
     .expected = "a list of 1 to 3 of reserved, spot, on-demand"},
    {"spec.capacityTypes[]", GS_LINT_WANT_TEXT, .words = {"reserved", "spot", "on-demand"}},
    {"spec.spotPercent", GS_LINT_WANT_NUMBER, false, false, 1, 100,
     .expected = "a whole number from 1 to 100, without quotes"},
    {"spec.zones", GS_LINT_WANT_LIST, false, false, 0, 32,
     .expected = "a list of at most 32 zones, such as [us-east-1a]"},
    {"spec.zones[]", GS_LINT_WANT_TEXT, false, false, 1, 63,
     .pattern = "^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
     .expected = "a zone such as us-east-1a"},
    {"spec.profiles", GS_LINT_WANT_LIST, false, false, 0, 64,
     .expected = "a list of at most 64 profiles, such as [1g.5gb]"},
    {"spec.profiles[]", GS_LINT_WANT_TEXT, false, false, 0, 63, .pattern = GS_LINT_PROFILE_PATTERN,
     .expected = "a profile such as 1g.5gb"},
    {"spec.limits", GS_LINT_WANT_MAP, false, true, .expected = "a map such as {gpus: 64}"},
    {"spec.limits.gpus", GS_LINT_WANT_NUMBER, false, false, 0, 1000000,
     .expected = "a whole number from 0 to 1000000, without quotes"},
    {"spec.limits.usdPerHour", GS_LINT_WANT_TEXT, false, false, 0, 17,
     .pattern = "^[0-9]{1,9}([.][0-9]{1,6})?$",
     .expected = "dollars as a decimal in quotes, such as \"200\" or \"12.5\""},
    {"spec.moves", GS_LINT_WANT_TEXT, false, true, .words = {"never", "optIn"}},
    {"spec.recut", GS_LINT_WANT_TEXT, false, true, .words = {"anyProfile", "profiles"}},
    {"spec.scaling", GS_LINT_WANT_TEXT, false, true, .words = {"overlay", "static"}},
    {"spec.warm", GS_LINT_WANT_MAP, false, false, 0, 64,
     .expected = "a map of at most 64 profiles, such as {1g.5gb: 4}"},
    {"spec.warm{}", GS_LINT_WANT_NUMBER, false, false, 0, 10000,
     .expected = "a whole number from 0 to 10000, without quotes"},
    {"spec.labels", GS_LINT_WANT_MAP, false, false, 0, 64,
     .expected = "a map of at most 64 labels, such as {team: ml}"},
    {"spec.labels{}", GS_LINT_WANT_TEXT, false, false, 0, 63, .pattern = VALUE,
     .expected =
         "a text of letters, digits, -, _ and ., in quotes where it looks like a number or a truth "
         "value"},
    {"spec.taints", GS_LINT_WANT_LIST, false, false, 0, 32,
     .expected = "a list of at most 32 taints, such as [{key: gpus, effect: NoSchedule}]"},
    {"spec.taints[]", GS_LINT_WANT_MAP, .expected = "a map with key and effect"},
    {"spec.taints[].key", GS_LINT_WANT_TEXT, true, false, 1, 317, .pattern = GS_LINT_KEY_PATTERN,
     .expected = "a name such as team or example.com/team"},
    {"spec.taints[].value", GS_LINT_WANT_TEXT, false, false, 0, 63, .pattern = VALUE,
     .expected =
         "a text of letters, digits, -, _ and ., in quotes where it looks like a number or a truth "
         "value"},
    {"spec.taints[].effect", GS_LINT_WANT_TEXT, .need = true,
     .words = {"NoSchedule", "PreferNoSchedule", "NoExecute"}},
    {"spec.emptyAfter", GS_LINT_WANT_TEXT, false, true, 0, 32, .pattern = GS_LINT_DURATION_PATTERN,
     .expected = "a duration such as 90s, 10m or 1h30m, 87600h at most"},
    {"spec.startLimit", GS_LINT_WANT_TEXT, false, true, 0, 32, .pattern = GS_LINT_DURATION_PATTERN,
     .expected = "a duration such as 90s, 10m or 1h30m, from 1s to 87600h"},
    {"spec.expireAfter", GS_LINT_WANT_TEXT, false, true, 0, 32, .pattern = GS_LINT_DURATION_PATTERN,
     .expected = "a duration such as 720h, from 1s to 87600h, or Never"},
};

const struct gs_lint_schema *gs_lint_slicepool_schema(const char *path)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(rows); i++) {
        if (strcmp(rows[i].path, path) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

const struct gs_lint_schema *gs_lint_slicepool_schema_row(size_t i)
{
    return i < GS_ARRAY_LEN(rows) ? &rows[i] : NULL;
}
