#include "net/http_pem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static int write_all(int fd, struct gs_view text)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0) {
            return errno;
        }
        text.p += n;
        text.n -= (size_t)n;
    }
    return 0;
}

static int make_file(struct gs_view text, int *ret_fd, struct gs_err *err)
{
    int fd = memfd_create("pem", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return gs_fail_errno(err, errno, "memfd_create");
    }
    int e = write_all(fd, text);
    if (e == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        e = errno;
    }
    if (e != 0) {
        close(fd);
        return gs_fail_errno(err, e, "writing a certificate or key to memory");
    }
    *ret_fd = fd;
    return 0;
}

static struct gs_http_pem *find(struct gs_http_pem *list, struct gs_view text)
{
    for (struct gs_http_pem *pem = list; pem != NULL; pem = pem->next) {
        if (pem->n == text.n && memcmp(pem->bytes, text.p, text.n) == 0) {
            return pem;
        }
    }
    return NULL;
}

int gs_http_pem_get(struct gs_http_pem **list, struct gs_view text, struct gs_http_pem **ret,
                    struct gs_err *err)
{
    struct gs_http_pem *pem = find(*list, text);
    if (pem == NULL) {
        if (text.n > GS_HTTP_PEM_BYTES_MAX) {
            return gs_fail(err, GS_LIMIT, "a certificate or key of %zu bytes; expected at most %d",
                           text.n, GS_HTTP_PEM_BYTES_MAX);
        }
        pem = calloc(1, sizeof(*pem) + text.n);
        if (pem == NULL) {
            return gs_fail(err, GS_NO_MEMORY, "no memory for a certificate");
        }
        int r = make_file(text, &pem->fd, err);
        if (r != 0) {
            free(pem);
            return r;
        }
        memcpy(pem->bytes, text.p, text.n);
        pem->n = text.n;
        snprintf(pem->path, sizeof(pem->path), "/proc/self/fd/%d", pem->fd);
        pem->next = *list;
        *list = pem;
    }
    pem->users++;
    *ret = pem;
    return 0;
}

void gs_http_pem_put(struct gs_http_pem *pem)
{
    if (pem != NULL) {
        pem->users--;
    }
}

bool gs_http_pem_is_full(const struct gs_http_pem *list)
{
    unsigned n = 0;
    for (; list != NULL; list = list->next) {
        n++;
    }
    return n > GS_HTTP_PEMS_MAX;
}

void gs_http_pem_sweep(struct gs_http_pem **list)
{
    while (*list != NULL) {
        struct gs_http_pem *pem = *list;
        if (pem->users > 0) {
            list = &pem->next;
            continue;
        }
        *list = pem->next;
        close(pem->fd);
        explicit_bzero(pem->bytes, pem->n);
        free(pem);
    }
}
