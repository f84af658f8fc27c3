#include "unit/check.h"

#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "net/authority.h"

enum { DAY_S = 24 * 3600, DAYS = 5 * 365, BUNDLE_MAX = 8 };
#define BEGIN_S 1800000000ull

static const char *const names[] = {"gpuslice-webhook.gpuslice-system.svc", "10.99.0.1", "fd00::1"};

static struct gs_authority_plan plan_at(uint64_t now_s)
{
    return (struct gs_authority_plan){.now_s = now_s,
                                      .life_s = 90 * DAY_S,
                                      .names = names,
                                      .n_names = GS_ARRAY_LEN(names),
                                      .believed = true};
}

static bool renew(struct gs_authority *authority, const struct gs_authority_plan *plan)
{
    struct gs_err err = {.msg = ""};
    const char *why = NULL;
    bool changed = false;
    int r = gs_authority_renew(authority, plan, &changed, &why, &err);
    if (r != 0) {
        print_message("%s\n", err.msg);
    }
    assert_int_equal(r, 0);
    assert_true(changed == (why != NULL));
    return changed;
}

static gnutls_x509_crt_t read_cert(const char *pem)
{
    gnutls_x509_crt_t cert;
    const gnutls_datum_t datum = {.data = (unsigned char *)(uintptr_t)pem,
                                  .size = (unsigned)strlen(pem)};
    assert_true(gnutls_x509_crt_init(&cert) >= 0);
    assert_true(gnutls_x509_crt_import(cert, &datum, GNUTLS_X509_FMT_PEM) >= 0);
    return cert;
}

static bool is_of_now(gnutls_x509_crt_t cert, uint64_t now_s)
{
    return (uint64_t)gnutls_x509_crt_get_activation_time(cert) <= now_s &&
           (uint64_t)gnutls_x509_crt_get_expiration_time(cert) > now_s;
}

/* As the API server does it: by a CA of the bundle, at that time, for that name. */
static bool is_believed(const char *pem, const char *bundle, uint64_t now_s, const char *name)
{
    gnutls_x509_crt_t cert = read_cert(pem);
    gnutls_x509_crt_t *cas = NULL;
    unsigned n = 0;
    const gnutls_datum_t datum = {.data = (unsigned char *)(uintptr_t)bundle,
                                  .size = (unsigned)strlen(bundle)};
    bool found = false;
    assert_true(gnutls_x509_crt_list_import2(&cas, &n, &datum, GNUTLS_X509_FMT_PEM, 0) >= 0);
    assert_true(n <= BUNDLE_MAX);
    for (unsigned i = 0; i < n; i++) {
        unsigned verdict = 0;
        assert_true(gnutls_x509_crt_verify(cert, &cas[i], 1, GNUTLS_VERIFY_DISABLE_TIME_CHECKS,
                                           &verdict) >= 0);
        found |= verdict == 0 && is_of_now(cas[i], now_s);
        gnutls_x509_crt_deinit(cas[i]);
    }
    found = found && is_of_now(cert, now_s) && gnutls_x509_crt_check_hostname(cert, name) != 0;
    gnutls_free(cas);
    gnutls_x509_crt_deinit(cert);
    return found;
}

static char *copy(const struct gs_buf *buf)
{
    char *text = strdup(gs_buf_text(buf));
    assert_non_null(text);
    return text;
}

/* Who still shows the certificate of yesterday is believed by today's bundle, and who still has the
 * bundle of yesterday believes the certificate of today. */
static void authority__a_day_late_is_never_too_late_in_five_years(void **state)
{
    struct gs_authority authority;
    unsigned certificates = 0;
    unsigned bundles = 0;
    (void)state;
    gs_authority_init(&authority);
    struct gs_authority_plan plan = plan_at(BEGIN_S);
    assert_true(renew(&authority, &plan));
    char *bundle = copy(&authority.bundle);
    for (unsigned day = 1; day < DAYS; day++) {
        char *bundle_before = copy(&authority.bundle);
        char *cert_before = copy(&authority.cert);
        plan.now_s = BEGIN_S + (uint64_t)day * DAY_S;
        plan.believed = strcmp(bundle, gs_buf_text(&authority.bundle)) == 0;
        renew(&authority, &plan);
        const char *cert = gs_buf_text(&authority.cert);
        assert_true(is_believed(cert, bundle_before, plan.now_s, names[day % 3]));
        assert_true(is_believed(cert_before, gs_buf_text(&authority.bundle), plan.now_s, names[0]));
        certificates += strcmp(cert, cert_before) != 0;
        bundles += strcmp(gs_buf_text(&authority.bundle), bundle_before) != 0;
        free(bundle);
        free(cert_before);
        bundle = bundle_before;
    }
    print_message("%u certificates and %u bundles in five years\n", certificates, bundles);
    assert_in_range(certificates, DAYS / 62, DAYS / 58);
    assert_in_range(bundles, 10, 16); /* a CA comes after 240 days, one goes after 360 */
    free(bundle);
    gs_authority_done(&authority);
}

static void authority__nothing_is_made_before_its_time(void **state)
{
    struct gs_authority authority;
    (void)state;
    gs_authority_init(&authority);
    struct gs_authority_plan plan = plan_at(BEGIN_S);
    assert_true(renew(&authority, &plan));
    assert_false(renew(&authority, &plan));
    plan.now_s += 59 * DAY_S;
    assert_false(renew(&authority, &plan));
    assert_int_equal(gs_authority_ends_s(&authority), BEGIN_S + 90 * DAY_S);
    plan.now_s += 2 * DAY_S;
    plan.believed = false;
    assert_false(renew(&authority, &plan));
    plan.believed = true;
    assert_true(renew(&authority, &plan));
    assert_int_equal(gs_authority_ends_s(&authority), plan.now_s + 90 * DAY_S);
    gs_authority_done(&authority);
}

static void authority__one_that_has_ended_is_made_anew_whoever_believes_it(void **state)
{
    struct gs_authority authority;
    (void)state;
    gs_authority_init(&authority);
    struct gs_authority_plan plan = plan_at(BEGIN_S);
    assert_true(renew(&authority, &plan));
    plan.now_s += 1000 * DAY_S; /* nobody was there */
    plan.believed = false;
    assert_true(renew(&authority, &plan));
    assert_true(is_believed(gs_buf_text(&authority.cert), gs_buf_text(&authority.bundle),
                            plan.now_s, names[0]));
    gs_authority_done(&authority);
}

static void authority__a_name_that_is_missing_is_added_to_those_there_are(void **state)
{
    static const char *const others[] = {"other.example"};
    struct gs_authority authority;
    (void)state;
    gs_authority_init(&authority);
    struct gs_authority_plan plan = plan_at(BEGIN_S);
    assert_true(renew(&authority, &plan));
    struct gs_authority_plan other = plan;
    other.now_s += DAY_S;
    other.names = others;
    other.n_names = 1;
    assert_true(renew(&authority, &other));
    plan.now_s = other.now_s;
    assert_false(renew(&authority, &plan));
    const char *cert = gs_buf_text(&authority.cert);
    const char *bundle = gs_buf_text(&authority.bundle);
    for (size_t i = 0; i < GS_ARRAY_LEN(names); i++) {
        assert_true(is_believed(cert, bundle, plan.now_s, names[i]));
    }
    assert_true(is_believed(cert, bundle, plan.now_s, others[0]));
    assert_false(is_believed(cert, bundle, plan.now_s, "third.example"));
    gs_authority_done(&authority);
}

static void authority__what_is_damaged_is_made_anew(void **state)
{
    static const char *const damages[] = {"", "no PEM", "-----BEGIN CERTIFICATE-----\nMIIB\n"};
    (void)state;
    for (unsigned part = 0; part < 4; part++) {
        for (size_t i = 0; i < GS_ARRAY_LEN(damages); i++) {
            struct gs_authority authority;
            gs_authority_init(&authority);
            struct gs_authority_plan plan = plan_at(BEGIN_S);
            assert_true(renew(&authority, &plan));
            struct gs_buf *const parts[] = {&authority.bundle, &authority.ca_key, &authority.cert,
                                            &authority.key};
            gs_buf_reset(parts[part]);
            gs_buf_puts(parts[part], damages[i]);
            plan.now_s += DAY_S;
            assert_true(renew(&authority, &plan));
            assert_true(is_believed(gs_buf_text(&authority.cert), gs_buf_text(&authority.bundle),
                                    plan.now_s, names[0]));
            assert_false(renew(&authority, &plan));
            gs_authority_done(&authority);
        }
    }
}

static void authority__keys_of_another_are_not_taken(void **state)
{
    struct gs_authority authority;
    struct gs_authority other;
    (void)state;
    gs_authority_init(&authority);
    gs_authority_init(&other);
    struct gs_authority_plan plan = plan_at(BEGIN_S);
    assert_true(renew(&authority, &plan));
    assert_true(renew(&other, &plan));
    struct gs_buf key = authority.ca_key;
    authority.ca_key = other.ca_key;
    other.ca_key = key;
    char *cert = copy(&authority.cert);
    assert_true(renew(&authority, &plan));
    assert_string_equal(gs_buf_text(&authority.cert), cert); /* still believed: the CA stays */
    free(cert);
    gs_authority_done(&authority);
    gs_authority_done(&other);
}

static void authority__what_cannot_be_in_a_certificate_is_refused(void **state)
{
    static const char *const blank[] = {"a b"};
    static const char *const empty[] = {""};
    static const char *const star[] = {"*.example"};
    const struct {
        const char *const *names;
        size_t n;
        uint64_t life_s;
        int code;
    } cases[] = {
        {blank, 1, DAY_S, GS_INVALID}, {empty, 1, DAY_S, GS_INVALID}, {star, 1, DAY_S, GS_INVALID},
        {names, 0, DAY_S, GS_LIMIT},   {names, 17, DAY_S, GS_LIMIT},  {names, 3, 9, GS_INVALID},
        {names, 3, DAY_S, 0},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_authority_plan plan = {.now_s = BEGIN_S,
                                         .life_s = cases[i].life_s,
                                         .names = cases[i].names,
                                         .n_names = cases[i].n};
        struct gs_err err = {.msg = ""};
        assert_int_equal(gs_authority_check(&plan, &err), cases[i].code);
        assert_true((err.msg[0] == '\0') == (cases[i].code == 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(authority__a_day_late_is_never_too_late_in_five_years),
        cmocka_unit_test(authority__nothing_is_made_before_its_time),
        cmocka_unit_test(authority__one_that_has_ended_is_made_anew_whoever_believes_it),
        cmocka_unit_test(authority__a_name_that_is_missing_is_added_to_those_there_are),
        cmocka_unit_test(authority__what_is_damaged_is_made_anew),
        cmocka_unit_test(authority__keys_of_another_are_not_taken),
        cmocka_unit_test(authority__what_cannot_be_in_a_certificate_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
