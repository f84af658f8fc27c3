/* http_pem: PEM texts as files, for a TLS library that takes only names of files.
 *
 * Debian's libcurl with GnuTLS does not know the options that take certificates from memory. A text
 * becomes a sealed file without a name (memfd), which lives as long as its list. Equal texts are
 * one file. */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/view.h"

enum { GS_HTTP_PEMS_MAX = 8, GS_HTTP_PEM_BYTES_MAX = 1 << 20 };

struct gs_http_pem {
    struct gs_http_pem *next;
    unsigned users;
    int fd;
    char path[40]; /* "/proc/self/fd/7" */
    size_t n;
    char bytes[];
};

/* Finds or makes the file of `text` and counts one more user. GS_LIMIT: too large; GS_IO;
 * GS_NO_MEMORY. */
int gs_http_pem_get(struct gs_http_pem **list, struct gs_view text, struct gs_http_pem **ret,
                    struct gs_err *err);

/* One user less. NULL is fine. The file stays. */
void gs_http_pem_put(struct gs_http_pem *pem);

/* Whether there are so many files that those without users are to go. */
bool gs_http_pem_is_full(const struct gs_http_pem *list);

/* Closes the files that have no user; their paths may mean other files from then on. */
void gs_http_pem_sweep(struct gs_http_pem **list);
