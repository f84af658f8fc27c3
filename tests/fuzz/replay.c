/* replay: runs a fuzz target over its corpus without libFuzzer, so that every check does.
 *
 * usage: replay_NAME CORPUS_DIR
 *
 * Each file is run as it is, cut short at many lengths, and with bytes changed: cheap, and the
 * same every time, since the seed is fixed (GPUSLICE_FUZZ_SEED changes it). */
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INPUT_MAX = 1 << 20, CUTS = 64, CHANGES = 256, BYTES_CHANGED = 4 };

struct rng {
    uint64_t state;
};

/* xorshift64*, Vigna 2016. */
static uint64_t rng_next(struct rng *rng)
{
    rng->state ^= rng->state >> 12;
    rng->state ^= rng->state << 25;
    rng->state ^= rng->state >> 27;
    return rng->state * 0x2545F4914F6CDD1Dull;
}

/* A block of exactly `size` bytes, so that a sanitizer sees a read beyond the end. */
static void run_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL) {
        perror("replay");
        exit(1);
    }
    if (size > 0) {
        memcpy(copy, data, size);
    }
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_cuts(const uint8_t *data, size_t size)
{
    size_t step = size / CUTS + 1;
    for (size_t n = 0; n < size; n += step) {
        run_copy(data, n);
    }
}

/* Half of the new bytes come from the input itself: they are the ones that mean something. */
static void run_changes(uint8_t *data, size_t size, struct rng *rng)
{
    for (unsigned i = 0; i < CHANGES && size > 0; i++) {
        size_t at[BYTES_CHANGED];
        uint8_t before[BYTES_CHANGED];
        unsigned n = 1 + (unsigned)(rng_next(rng) % BYTES_CHANGED);
        for (unsigned k = 0; k < n; k++) {
            uint64_t r = rng_next(rng);
            at[k] = (size_t)(r >> 16) % size;
            before[k] = data[at[k]];
            data[at[k]] = (r & 0x100) ? (uint8_t)r : data[(size_t)rng_next(rng) % size];
        }
        run_copy(data, size);
        while (n-- > 0) {
            data[at[n]] = before[n];
        }
    }
}

static bool run_file(const char *dir, const char *name, struct rng *rng)
{
    static uint8_t data[INPUT_MAX];
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return false;
    }
    size_t size = fread(data, 1, sizeof(data), file);
    fclose(file);
    if (size == sizeof(data)) {
        fprintf(stderr, "%s: expected less than %d bytes\n", path, INPUT_MAX);
        return false;
    }
    fprintf(stderr, "%s\n", path); /* the last line before a crash names the input */
    run_copy(data, size);
    run_cuts(data, size);
    run_changes(data, size, rng);
    return true;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s CORPUS_DIR\n", argv[0]);
        return 2;
    }
    const char *seed_text = getenv("GPUSLICE_FUZZ_SEED");
    uint64_t seed = seed_text == NULL ? 1 : strtoull(seed_text, NULL, 10);
    struct rng rng = {.state = seed == 0 ? 1 : seed};
    struct dirent **files = NULL;
    int n = scandir(argv[1], &files, is_visible, alphasort);
    if (n <= 0) {
        fprintf(stderr, "%s: expected a folder with inputs, found none\n", argv[1]);
        return 1;
    }
    bool ok = true;
    for (int i = 0; i < n; i++) {
        ok = ok && run_file(argv[1], files[i]->d_name, &rng);
        free(files[i]);
    }
    free(files);
    printf("1..1\n%s 1 - %s, %d inputs, seed %llu\n", ok ? "ok" : "not ok", argv[1], n,
           (unsigned long long)seed);
    return ok ? 0 : 1;
}
