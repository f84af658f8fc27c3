#include "torture/torture.h"

#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "lint/diff.h"
#include "lint/lint.h"

static const char guide[] =
    "# Guide\n\nIt saves costs by 30–50 %. Karpenter will automatically provision nodes with MIG.\n"
    "```bash\nnvidia-smi mig -cgi 3\nsudo nvidia-smi mig -li\n```\n"
    "```yaml\napiVersion: karpenter.sh/v1alpha5\nkind: Provisioner\nmetadata:\n  name: a\nspec:\n"
    "  labels:\n    nvidia.com/mig.profile: mig-1g.5gb\n  requirements:\n"
    "  - {key: node.kubernetes.io/instance-type, operator: In, values: [p4d.24xlarge]}\n"
    "  limits:\n    resources:\n      nvidia.com/gpu: 100\n  provider:\n    amiFamily: AL2\n```\n"
    "```yaml\nmig:\n  strategy: mixed\n```\n";

static int correct(const struct gs_alloc *source, struct gs_err *err)
{
    const struct gs_lint_file file = {.label = "guide.md", .text = gs_view(guide)};
    struct gs_arena arena;
    gs_arena_init(&arena, source, 64 << 20);
    struct gs_view fixed;
    int r = gs_lint_fix(&arena, &file, 1, &fixed, err);
    if (r == 0) {
        assert_non_null(memmem(fixed.p, fixed.n, "kind: NodeOverlay", 17));
        GS_CLEANUP(gs_buf_done) struct gs_buf out;
        gs_buf_init(&out, 1 << 20);
        r = gs_lint_diff(&arena, "guide.md", file.text, fixed, &out);
        r = r < 0 || !gs_buf_ok(&out) ? gs_fail(err, GS_NO_MEMORY, "no memory to compare") : r;
    }
    gs_arena_done(&arena);
    return r;
}

static int correct_heap(struct gs_err *err)
{
    return correct(&gs_alloc_heap, err);
}

static void torture__correcting_survives_each_failed_request(void **state)
{
    (void)state;
    assert_true(torture_arena(correct, 3) >= 100);
}

static void torture__correcting_survives_each_failed_request_of_the_heap(void **state)
{
    (void)state;
    assert_true(torture_heap(correct_heap, 1) >= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__correcting_survives_each_failed_request),
        cmocka_unit_test(torture__correcting_survives_each_failed_request_of_the_heap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
