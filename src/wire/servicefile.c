#include "wire/servicefile.h"

#include "base/cleanup.h"
#include "core/model.h"
#include "wire/csv.h"
#include "wire/doc.h"

enum { DECIMAL_MAX = 64 }; /* bytes of a number */

/* ---- numbers ---- */

/* The whole text as digits with an optional point, times 10^places; digits beyond are cut off, and
 * when they are not 0 and `up`, the result is one more. False: not that, or more than `max`. */
static bool read_decimal(struct gs_view text, unsigned places, bool up, uint64_t max, uint64_t *ret)
{
    uint64_t value;
    bool octal = text.n > 1 && text.p[0] == '0' && text.p[1] != '.'; /* to some readers of YAML */
    if (octal || text.n > DECIMAL_MAX || !gs_view_u64(&text, max, &value)) {
        return false;
    }
    bool point = gs_view_skip(&text, ".");
    if (text.n > 0 ? !point : point) {
        return false;
    }
    bool cut = false;
    for (unsigned i = 0; i < places || text.n > 0; i++) {
        unsigned digit = text.n > 0 ? (unsigned)text.p[0] - '0' : 0;
        if (digit > 9) {
            return false;
        }
        if (text.n > 0) {
            text.p++;
            text.n--;
        }
        if (i >= places) {
            cut |= digit != 0;
        } else if (__builtin_mul_overflow(value, 10, &value) ||
                   __builtin_add_overflow(value, digit, &value)) {
            return false;
        }
    }
    if (up && cut && __builtin_add_overflow(value, 1, &value)) {
        return false;
    }
    *ret = value;
    return value <= max;
}

/* How a column is read: its unit is 10^places of ours. */
struct column {
    const char *name;
    unsigned places;
    bool up;
    uint64_t max;
};

static const struct column rate_column = {"rate_per_s", 3, true, GS_SERVICE_RATE_MILLI_MAX};
static const struct column slo_column = {"latency_ms", 3, false, GS_SERVICE_LATENCY_US_MAX};
static const struct column throughput_column = {"Throughput", 3, false, GS_SERVICE_RATE_MILLI_MAX};
static const struct column latency_column = {"Latency", 6, true, GS_SERVICE_LATENCY_US_MAX};

static bool read_column(const struct column *column, struct gs_view text, uint64_t *ret)
{
    return read_decimal(text, column->places, column->up, column->max, ret) && *ret > 0;
}

static unsigned long long column_most(const struct column *column)
{
    unsigned long long unit = 1;
    for (unsigned i = 0; i < column->places; i++) {
        unit *= 10;
    }
    return column->max / unit;
}

static int csv_column(const struct gs_csv *csv, size_t field, const struct column *column,
                      uint64_t *ret, struct gs_err *err)
{
    if (read_column(column, csv->fields[field], ret)) {
        return 0;
    }
    return gs_csv_fail(csv, err,
                       "%s: found \"%.*s\"; expected a plain decimal number above 0 and up to %llu "
                       "that does not round to 0",
                       column->name, GS_VIEW_ARGS(csv->fields[field]), column_most(column));
}

static int doc_column(const struct gs_doc_node *map, const struct column *column, uint64_t *ret,
                      struct gs_err *err)
{
    const struct gs_doc_node *node;
    int r = gs_doc_need(map, column->name, &node, err);
    if (r < 0 || (r = gs_doc_expect(node, GS_DOC_SCALAR, err)) < 0) {
        return r;
    }
    if (!node->quoted && read_column(column, node->text, ret)) {
        return 0;
    }
    return gs_doc_fail(node, err,
                       "%s: found \"%.*s\"%s; expected a plain decimal number above 0 and up to "
                       "%llu that does not round to 0",
                       column->name, GS_VIEW_ARGS(node->text), node->quoted ? " in quotes" : "",
                       column_most(column));
}

/* ---- services ---- */

static bool is_file_name(struct gs_view name)
{
    bool good = name.n > 0 && name.n <= GS_SERVICE_NAME_MAX && name.p[0] != '.';
    for (size_t i = 0; good && i < name.n; i++) {
        char c = name.p[i];
        good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
    }
    return good;
}

/* Services as they are read. */
struct services {
    struct gs_arena *arena;
    struct gs_service *at;
    size_t n;
    size_t cap;
};

/* Why a name cannot be taken, or NULL. */
static const char *wrong_name(const struct services *services, struct gs_view name)
{
    if (!is_file_name(name)) {
        return "letters, digits, '.', '_' and '-', 1 to 120, not '.' first (it names the file of "
               "its measurements)";
    }
    for (size_t i = 0; i < services->n; i++) {
        if (gs_view_eq(name, services->at[i].name)) {
            return "every service once";
        }
    }
    return NULL;
}

/* False: no memory. */
static bool keep_service(struct services *services, struct gs_view name,
                         const struct gs_service *service)
{
    const char *copy = gs_arena_text(services->arena, name.p, name.n);
    if (copy == NULL || !gs_arena_room(services->arena, &services->at, &services->cap, services->n,
                                       sizeof(services->at[0]))) {
        return false;
    }
    services->at[services->n] = *service;
    services->at[services->n++].name = copy;
    return true;
}

static int no_memory(const char *label, struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "%s: no memory for its rows", label);
}

static int too_many(const char *label, int max, struct gs_err *err)
{
    return gs_fail(err, GS_LIMIT, "%s: found more than %d rows; expected less", label, max);
}

static int read_csv_service(const struct gs_csv *csv, struct services *services, struct gs_err *err)
{
    struct gs_service service;
    const char *wrong = wrong_name(services, csv->fields[0]);
    if (wrong != NULL) {
        return gs_csv_fail(csv, err, "name: found \"%.*s\"; expected %s",
                           GS_VIEW_ARGS(csv->fields[0]), wrong);
    }
    int r = csv_column(csv, 1, &rate_column, &service.rate_milli, err);
    if (r < 0 || (r = csv_column(csv, 2, &slo_column, &service.latency_us, err)) < 0) {
        return r;
    }
    if (services->n == GS_SERVICES_MAX) {
        return too_many(csv->label, GS_SERVICES_MAX, err);
    }
    return keep_service(services, csv->fields[0], &service) ? 0 : no_memory(csv->label, err);
}

static int read_csv(struct services *services, const char *label, struct gs_view bytes,
                    struct gs_err *err)
{
    static const char *const header[] = {"name", "rate_per_s", "latency_ms"};
    struct gs_csv csv;
    bool more = true;
    int r = gs_csv_init(&csv, label, bytes, err);
    if (r < 0 || (r = gs_csv_expect_header(&csv, header, GS_ARRAY_LEN(header), err)) < 0) {
        return r;
    }
    while ((r = gs_csv_next_of(&csv, GS_ARRAY_LEN(header), &more, err)) == 0 && more) {
        r = read_csv_service(&csv, services, err);
        if (r < 0) {
            return r;
        }
    }
    return r == 0 && services->n == 0
               ? gs_csv_fail(&csv, err, "found no row; expected a service or more")
               : r;
}

static int read_doc_service(const struct gs_doc_node *map, struct services *services,
                            struct gs_err *err)
{
    static const char *const keys[] = {"name", "rate_per_s", "latency_ms"};
    const struct gs_doc_node *node;
    struct gs_view name;
    struct gs_service service;
    int r = gs_doc_expect_keys(map, keys, GS_ARRAY_LEN(keys), err);
    if (r < 0 || (r = gs_doc_need(map, "name", &node, err)) < 0 ||
        (r = gs_doc_text(node, GS_DOC_SCALAR_MAX, &name, err)) < 0) {
        return r;
    }
    const char *wrong = wrong_name(services, name);
    if (wrong != NULL) {
        return gs_doc_fail(node, err, "name: found \"%.*s\"; expected %s", GS_VIEW_ARGS(name),
                           wrong);
    }
    r = doc_column(map, &rate_column, &service.rate_milli, err);
    if (r < 0 || (r = doc_column(map, &slo_column, &service.latency_us, err)) < 0) {
        return r;
    }
    return keep_service(services, name, &service) ? 0 : no_memory(map->label, err);
}

static int read_doc(struct services *services, const char *label, struct gs_view bytes,
                    struct gs_err *err)
{
    const struct gs_doc_input input = {
        .label = label,
        .what = "services: CSV with the header name,rate_per_s,latency_ms, or a list with these "
                "keys",
        .bytes = bytes,
        .max_bytes = GS_CSV_BYTES_MAX,
    };
    const struct gs_doc_node *root;
    const struct gs_doc_node *list;
    int r = gs_doc_read(services->arena, &input, &root, err);
    if (r < 0 || (r = gs_doc_list(root, "services", GS_SERVICES_MAX, &list, err)) < 0) {
        return r;
    }
    for (const struct gs_doc_node *map = list->first; r == 0 && map != NULL; map = map->next) {
        r = read_doc_service(map, services, err);
    }
    return r;
}

/* The first line that is not blank begins with name and a comma. */
static bool is_csv(struct gs_view bytes)
{
    (void)gs_view_skip(&bytes, "\xEF\xBB\xBF");
    bytes = gs_view_trim(bytes);
    bool quoted = gs_view_skip(&bytes, "\"");
    if (!gs_view_skip(&bytes, "name") || (quoted && !gs_view_skip(&bytes, "\""))) {
        return false;
    }
    while (bytes.n > 0 && (bytes.p[0] == ' ' || bytes.p[0] == '\t')) {
        bytes.p++;
        bytes.n--;
    }
    return bytes.n > 0 && bytes.p[0] == ',';
}

int gs_servicefile_read(struct gs_arena *arena, const char *label, struct gs_view bytes,
                        const struct gs_service **ret, size_t *ret_count, struct gs_err *err)
{
    struct services services = {.arena = arena};
    int r = is_csv(bytes) ? read_csv(&services, label, bytes, err)
                          : read_doc(&services, label, bytes, err);
    if (r < 0) {
        return r;
    }
    *ret = services.at;
    *ret_count = services.n;
    return 0;
}

/* ---- measurements ---- */

static int csv_count(const struct gs_csv *csv, size_t field, const char *name, uint32_t max,
                     uint32_t *ret, struct gs_err *err)
{
    uint64_t value;
    if (!gs_view_is_u64(csv->fields[field], max, &value) || value == 0) {
        return gs_csv_fail(csv, err, "%s: found \"%.*s\"; expected an integer from 1 to %u", name,
                           GS_VIEW_ARGS(csv->fields[field]), max);
    }
    *ret = (uint32_t)value;
    return 0;
}

/* Both 0: the batch did not fit into the slice's memory, so that nothing was measured. */
static bool did_not_run(const struct gs_csv *csv)
{
    return gs_view_eq(csv->fields[3], "0") && gs_view_eq(csv->fields[4], "0");
}

static int read_row(const struct gs_csv *csv, const char *const *header, struct gs_service_row *ret,
                    struct gs_err *err)
{
    int r = csv_count(csv, 0, header[0], GS_MEMORY_UNITS_MAX, &ret->compute_slices, err);
    if (r == 0) {
        r = csv_count(csv, 1, header[1], GS_SERVICE_BATCH_MAX, &ret->batch, err);
    }
    if (r == 0) {
        r = csv_count(csv, 2, header[2], GS_SERVICE_PROCESSES_MAX, &ret->processes, err);
    }
    if (r == 0 && did_not_run(csv)) {
        *ret = (struct gs_service_row){0};
        return 0;
    }
    if (r == 0) {
        r = csv_column(csv, 3, &throughput_column, &ret->throughput_milli, err);
    }
    return r < 0 ? r : csv_column(csv, 4, &latency_column, &ret->latency_us, err);
}

int gs_servicefile_read_rows(struct gs_arena *arena, const char *label, struct gs_view bytes,
                             const struct gs_service_row **ret, size_t *ret_count,
                             struct gs_err *err)
{
    static const char *const header[] = {"Mig instance", "Batch size", "Workload Number",
                                         "Throughput", "Latency"};
    struct gs_csv csv;
    struct gs_service_row *rows = NULL;
    size_t n = 0;
    size_t cap = 0;
    bool more = true;
    int r = gs_csv_init(&csv, label, bytes, err);
    if (r < 0 || (r = gs_csv_expect_header(&csv, header, GS_ARRAY_LEN(header), err)) < 0) {
        return r;
    }
    while ((r = gs_csv_next_of(&csv, GS_ARRAY_LEN(header), &more, err)) == 0 && more) {
        if (n == GS_SERVICE_ROWS_MAX) {
            return too_many(label, GS_SERVICE_ROWS_MAX, err);
        }
        if (!gs_arena_room(arena, &rows, &cap, n, sizeof(rows[0]))) {
            return no_memory(label, err);
        }
        r = read_row(&csv, header, &rows[n], err);
        if (r < 0) {
            return r;
        }
        n += rows[n].compute_slices > 0; /* 0: a row that did not run */
    }
    if (r == 0 && n == 0) {
        return gs_csv_fail(&csv, err, "found no row; expected a measurement or more");
    }
    *ret = rows;
    *ret_count = n;
    return r;
}
