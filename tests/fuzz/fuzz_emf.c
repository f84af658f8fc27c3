/* Whatever names and numbers come, what leaves is lines of JSON within the bounds. Input: texts
 * that end with a zero byte: namespace, three members, two metrics; numbers are taken from their
 * bytes. */
#include "fuzz/fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "wire/emf.h"

enum { TEXTS = 9, TEXT_MAX = 1100 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char texts[TEXTS][TEXT_MAX] = {0};
    double numbers[2] = {0};
    for (size_t i = 0, t = 0, n = 0; i < size && t < TEXTS; i++) {
        if (data[i] == 0 || n == TEXT_MAX - 1) {
            n = 0;
            t++;
        } else {
            texts[t][n++] = (char)data[i];
        }
    }
    memcpy(numbers, texts[8], sizeof(numbers));
    const struct gs_emf_member members[] = {
        {texts[1], texts[2]}, {texts[3], texts[4]}, {"Note", texts[5]}};
    const char *const names[] = {texts[1], texts[3]};
    const struct gs_emf_set sets[] = {{names, 1}, {names, 2}};
    const struct gs_emf_metric metrics[] = {{texts[6], numbers[0], GS_EMF_COUNT},
                                            {texts[7], numbers[1], GS_EMF_PERCENT}};
    const struct gs_emf emf = {texts[0], 1, sets, 2, members, 3, metrics, 2};
    struct gs_buf out;
    gs_buf_init(&out, GS_EMF_LINE_MAX);
    bool wrote = gs_emf_write(&emf, &out, NULL) == 0 && out.len > 0;
    json_t *root = wrote ? json_loadb(out.text, out.len - 1, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if ((!wrote && out.len != 0) || (wrote && json_object_size(root) < 5)) {
        abort();
    }
    json_decref(root);
    gs_buf_done(&out);
    return 0;
}
