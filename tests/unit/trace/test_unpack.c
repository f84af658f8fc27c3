#include "unit/trace/bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "trace/unpack.h"

enum { SIZE_MAX_BYTES = 1 << 20 };

static size_t gzip(const char *text, size_t n, char *ret)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    memcpy(&z.next_in, &text, sizeof(text));
    z.avail_in = (unsigned)n;
    z.next_out = (unsigned char *)ret;
    z.avail_out = SIZE_MAX_BYTES;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    n = z.total_out;
    deflateEnd(&z);
    return n;
}

/* One entry of a tar archive. */
static size_t tar_entry(char *at, const char *name, char kind, const char *text, size_t n)
{
    unsigned sum = 0;
    memset(at, 0, 512);
    snprintf(at, 100, "%s", name);
    snprintf(at + 124, 12, "%011zo", n);
    memset(at + 148, ' ', 8);
    at[156] = kind;
    memcpy(at + 257, "ustar", 6);
    at[263] = at[264] = '0';
    for (size_t i = 0; i < 512; i++) {
        sum += (unsigned char)at[i];
    }
    snprintf(at + 148, 8, "%06o", sum);
    size_t padded = (n + 511) / 512 * 512;
    memset(at + 512, 0, padded);
    memcpy(at + 512, text, n);
    return 512 + padded;
}

/* Unpacks in pieces of `step` bytes into a text that the caller frees. */
static int unpack(const char *bytes, size_t n, size_t step, char *ret, size_t *ret_n, uint64_t max,
                  struct gs_err *err)
{
    static char piece[GS_UNPACK_PIECE];
    struct gs_unpack u;
    size_t at = 0;
    int r;
    gs_unpack_init(&u, "f", &gs_alloc_heap, piece, max);
    *ret_n = 0;
    for (;;) {
        struct gs_view part = {0};
        r = gs_unpack_next(&u, &part, err);
        if (r == GS_UNPACK_MORE) {
            size_t give = n - at < step ? n - at : step;
            gs_unpack_feed(&u, (struct gs_view){.p = bytes + at, .n = give});
            at += give;
            continue;
        }
        if (r != GS_UNPACK_PIECE_CAME) {
            break;
        }
        assert_true(*ret_n + part.n <= SIZE_MAX_BYTES);
        memcpy(ret + *ret_n, part.p, part.n);
        *ret_n += part.n;
    }
    gs_unpack_done(&u);
    return r;
}

static char text[200000];
static char packed[SIZE_MAX_BYTES];
static char archive[SIZE_MAX_BYTES];
static char back[SIZE_MAX_BYTES];

static void fill_text(void)
{
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = (char)('a' + i * i % 23);
    }
}

static void expect_text(const char *bytes, size_t n, size_t want)
{
    static const size_t steps[] = {1, 2, 511, 512, 513, 4096, SIZE_MAX_BYTES};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        size_t got;
        assert_int_equal(unpack(bytes, n, steps[i], back, &got, 1 << 20, NULL), GS_UNPACK_OVER);
        assert_int_equal(got, want);
        assert_memory_equal(back, text, want);
    }
}

static void unpack__plain_text_passes_through(void **state)
{
    static const size_t sizes[] = {0, 1, 2, 3, 511, 512, 513, 100000};
    (void)state;
    fill_text();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        expect_text(text, sizes[i], sizes[i]);
    }
}

static void unpack__gzip_of_one_or_two_members_and_zeros_behind(void **state)
{
    static const size_t sizes[] = {0, 1, 600, sizeof(text)};
    (void)state;
    fill_text();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        expect_text(packed, gzip(text, sizes[i], packed), sizes[i]);
    }
    size_t n = gzip(text, 1000, packed);
    n += gzip(text + 1000, 2000, packed + n);
    memset(packed + n, 0, 100);
    expect_text(packed, n + 100, 3000);
}

static void unpack__tar_plain_and_in_gzip_holds_one_file(void **state)
{
    static const size_t sizes[] = {0, 1, 512, 1000, 100000};
    (void)state;
    fill_text();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t n = tar_entry(archive, "pax", 'x', "12345", 5);
        n += tar_entry(archive + n, "dir/", '5', "", 0);
        n += tar_entry(archive + n, "dir/._file.csv", '0', "macOS", 5);
        n += tar_entry(archive + n, "dir/file.csv", '0', text, sizes[i]);
        memset(archive + n, 0, 2048);
        expect_text(archive, n + 2048, sizes[i]);
        expect_text(archive, n, sizes[i]); /* without its end mark */
        expect_text(packed, gzip(archive, n + 1024, packed), sizes[i]);
    }
}

static void expect_refused(const char *bytes, size_t n, int code, const char *says)
{
    static const size_t steps[] = {1, 700, SIZE_MAX_BYTES};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        size_t got;
        struct gs_err err;
        assert_int_equal(unpack(bytes, n, steps[i], back, &got, 150000, &err), code);
        if (strncmp(err.msg, says, strlen(says)) != 0) {
            fail_msg("\"%s\"; expected \"%s...\"", err.msg, says);
        }
    }
}

static void unpack__what_is_damaged_is_refused_with_its_reason(void **state)
{
    (void)state;
    fill_text();
    size_t n = gzip(text, 50000, packed);
    for (size_t cut = 3; cut < n; cut += 997) {
        expect_refused(packed, cut, GS_INVALID, "f: the gzip data is cut off");
    }
    packed[n / 2] = (char)(packed[n / 2] ^ 0x55);
    expect_refused(packed, n, GS_INVALID, "f: the gzip data is damaged");
    n = gzip(text, 1000, packed);
    packed[n] = 'x';
    expect_refused(packed, n + 1, GS_INVALID, "f: found bytes behind the end of the gzip data");
    n = gzip(text, sizeof(text), packed);
    expect_refused(packed, n, GS_LIMIT, "f: more than 150000 bytes unpacked");

    n = tar_entry(archive, "a", '0', text, 1000);
    n += tar_entry(archive + n, "b", '0', text, 1000);
    expect_refused(archive, n, GS_INVALID, "f: found a second file, \"b\", in the tar archive");
    expect_refused(archive, 900, GS_INVALID, "f: the tar archive is cut off; expected 636 bytes");
    n = tar_entry(archive, "a", '0', text, 1000);
    (void)tar_entry(archive + n, "b", '0', text, 1000);
    expect_refused(archive, n + 100, GS_INVALID, "f: the tar archive is cut off within a header");
    archive[0] = 'z';
    expect_refused(archive, n, GS_INVALID, "f: the tar archive is damaged");
}

static void trace__may_be_gzip_and_a_cut_one_is_one_line(void **state)
{
    static const char rows[] = "arrival,duration,gpus\n1,2,1\n3,4,1\n";
    struct bed bed;
    (void)state;
    struct gs_view view = {.p = packed, .n = gzip(rows, sizeof(rows) - 1, packed)};
    bed_read(&bed, "csv", &view, 1, (struct bed_options){.step = 1, .push = true});
    assert_int_equal(bed.r, GS_TRACE_OVER);
    assert_int_equal(bed.n, 2);
    assert_int_equal(bed.totals.bytes, view.n);
    bed_done(&bed);
    view.n -= 10;
    bed_read(&bed, "csv", &view, 1, (struct bed_options){0});
    assert_int_equal(bed.r, GS_INVALID);
    assert_string_equal(bed.err.msg, "f0: the gzip data is cut off; expected its end: copy the "
                                     "file again");
    bed_done(&bed);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpack__plain_text_passes_through),
        cmocka_unit_test(unpack__gzip_of_one_or_two_members_and_zeros_behind),
        cmocka_unit_test(unpack__tar_plain_and_in_gzip_holds_one_file),
        cmocka_unit_test(unpack__what_is_damaged_is_refused_with_its_reason),
        cmocka_unit_test(trace__may_be_gzip_and_a_cut_one_is_one_line),
    };
    return cmocka_run_group_tests_name("unpack", tests, NULL, NULL);
}
