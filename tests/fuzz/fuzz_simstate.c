/* A state with bytes changed (each six bytes of input: where, and what) is refused, or everything
 * can be done to it and it stays one that would not be refused. The input as a whole file, too. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz/simlive.h"
#include "simdriver/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sim_machine m;
    const struct gs_model *model;
    struct gs_err err;
    int status;
    sim_store_decode(data, size, &m, &err);
    sim_machine_init(&m, 580);
    for (unsigned i = 0; i < 2; i++) {
        sim_model_find(gs_view(i == 0 ? "A100-40GB" : "RTX-PRO-6000-96GB"), &model, &err);
        sim_machine_add_gpu(&m, model, NULL, "", false, &err);
        sim_mode_set(&m, i, 1, 1, &status);
    }
    for (size_t i = 0; i + 6 <= size; i += 6) {
        size_t range = data[i] & 1 ? sizeof(m) : offsetof(struct sim_machine, gpus[2]);
        size_t at = ((size_t)data[i + 1] << 16 | (size_t)data[i + 2] << 8 | data[i + 3]) % range;
        ((uint8_t *)&m)[at] = data[i + 4];
    }
    bool good = sim_machine_check(&m, &err) == 0;
    for (size_t i = 0; good && i + 6 <= size; i += 6) {
        sim_live(&m, data[i + 5] % 3, data[i + 3], data[i + 4]);
        if (sim_machine_check(&m, &err) != 0) {
            abort();
        }
    }
    return 0;
}
