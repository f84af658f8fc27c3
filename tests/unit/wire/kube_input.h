/* kube_input: feeds text to the readers of Kubernetes objects, in pieces of any size. */
#pragma once

#include <stddef.h>
#include <string.h>

#include "wire/kubelist.h"

struct kube_input {
    const char *p;
    size_t n;
    size_t piece; /* bytes given at a time; 0: all that is asked for */
};

static int kube_input_read(void *ctx, void *bytes, size_t size, size_t *ret_n, struct gs_err *err)
{
    struct kube_input *input = ctx;
    (void)err;
    size_t n = input->piece != 0 && input->piece < size ? input->piece : size;
    n = n < input->n ? n : input->n;
    if (n > 0) {
        memcpy(bytes, input->p, n);
    }
    input->p += n;
    input->n -= n;
    *ret_n = n;
    return 0;
}

static inline struct gs_kubelist_source kube_input_source(struct kube_input *input)
{
    return (struct gs_kubelist_source){.read = kube_input_read, .ctx = input};
}
