#include "torture/torture.h"

#include "net/authority.h"
#include "net/http_identity.h"

static struct gs_view view_of(const struct gs_buf *buf)
{
    return (struct gs_view){.p = gs_buf_text(buf), .n = buf->len};
}

/* A CA and a certificate are made, renewed and shown. */
static int renew_and_show(struct gs_err *err)
{
    static const char *const names[] = {"webhook.example", "10.0.0.1"};
    struct gs_authority authority;
    struct gs_http_identity *identity = NULL;
    struct gs_authority_plan plan = {
        .now_s = 1800000000, .life_s = 1000, .names = names, .n_names = 2, .believed = true};
    const char *why;
    bool changed;
    int r = 0;
    gs_authority_init(&authority);
    for (unsigned i = 0; r == 0 && i < 5; i++) { /* the fourth time the CA is due */
        r = gs_authority_renew(&authority, &plan, &changed, &why, err);
        plan.now_s += 700;
    }
    r = r == 0 ? gs_http_identity_new(view_of(&authority.cert), view_of(&authority.key), &identity,
                                      err)
               : r;
    gs_http_identity_put(identity);
    gs_authority_done(&authority);
    return r;
}

static void torture__certificates_are_made_and_shown_whatever_request_fails(void **state)
{
    (void)state;
    assert_true(torture_heap(renew_and_show, 1) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torture__certificates_are_made_and_shown_whatever_request_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
