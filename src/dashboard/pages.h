/* pages: the files of web/, as they were when the program was built (scripts/gen_pages.py). */
#pragma once

#include <stddef.h>

struct gs_page {
    const char *path; /* "/app.js" */
    const char *type;
    const char *etag; /* in quotes */
    const unsigned char *bytes;
    size_t n;
};

extern const struct gs_page gs_pages[];
extern const size_t gs_n_pages;
