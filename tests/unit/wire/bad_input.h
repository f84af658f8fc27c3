/* bad_input: documents in memory, and tables of bad ones with what their error must say. */
#pragma once

#include "unit/check.h"

#include <string.h>

#include "wire/doc.h"

static inline struct gs_doc_input text_input(const char *text)
{
    return (struct gs_doc_input){
        .label = "f.yaml", .what = "a test document", .bytes = gs_view(text)};
}

struct bad_input {
    const char *text;
    const char *says; /* how the message begins: "f.yaml:3: ..." */
};

/* Every text is refused with GS_INVALID, or a limit of ours, and one line that begins as wanted. */
static inline void check_bad_inputs(const struct bad_input *bad, size_t n,
                                    int (*parse)(const char *text, struct gs_err *err))
{
    for (size_t i = 0; i < n; i++) {
        struct gs_err err = {0};
        int r = parse(bad[i].text, &err);
        if ((r != GS_INVALID && r != GS_LIMIT) || (int)err.code != r ||
            strncmp(err.msg, bad[i].says, strlen(bad[i].says)) != 0 ||
            strchr(err.msg, '\n') != NULL) {
            fail_msg("case %zu, %s\ngot %d \"%s\"\nexpected \"%s\"", i, bad[i].text, r, err.msg,
                     bad[i].says);
        }
    }
}

#define CHECK_BAD_INPUTS(table, parse)                                                             \
    check_bad_inputs((table), sizeof(table) / sizeof((table)[0]), (parse))
