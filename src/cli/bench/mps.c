#include <errno.h>
#include <stdio.h>

#include "cli/bench/bench.h"

static void write_rows(FILE *file, const struct gs_ip *ip)
{
    fputs("ROWS\n N COST\n", file);
    for (unsigned r = 0; r < ip->n_rows; r++) {
        fprintf(file, " G R%u\n", r);
    }
}

static void write_columns(FILE *file, const struct gs_ip *ip)
{
    fputs("COLUMNS\n M0 'MARKER' 'INTORG'\n", file);
    for (unsigned c = 0; c < ip->n_cols; c++) {
        size_t n;
        const struct gs_ip_entry *entries = gs_ip_column(ip, c, &n);
        if (ip->cost[c] != 0) {
            fprintf(file, " C%u COST %lld\n", c, (long long)ip->cost[c]);
        }
        for (size_t e = 0; e < n; e++) {
            fprintf(file, " C%u R%u %lld\n", c, entries[e].row, (long long)entries[e].value);
        }
    }
    fputs(" M1 'MARKER' 'INTEND'\n", file);
}

static void write_bounds(FILE *file, const struct gs_ip *ip)
{
    fputs("RHS\n", file);
    for (unsigned r = 0; r < ip->n_rows; r++) {
        fprintf(file, " RHS R%u %lld\n", r, (long long)ip->rhs[r]);
    }
    fputs("BOUNDS\n", file);
    for (unsigned c = 0; c < ip->n_cols; c++) {
        fprintf(file, " LO BOUND C%u %lld\n UP BOUND C%u %lld\n", c, (long long)ip->lo[c], c,
                (long long)ip->hi[c]);
    }
    fputs("ENDATA\n", file);
}

int gs_cmd_bench_write_mps(const struct gs_ip *ip, const char *path, struct gs_err *err)
{
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        return gs_fail_errno(err, errno, "cannot write %.300s", path);
    }
    fputs("NAME GPUSLICE FREE\n", file);
    write_rows(file, ip);
    write_columns(file, ip);
    write_bounds(file, ip);
    int failed = ferror(file);
    if (fclose(file) != 0 || failed != 0) {
        return gs_fail_errno(err, errno == 0 ? EIO : errno, "cannot write %.300s", path);
    }
    return 0;
}
