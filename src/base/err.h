/* err: how every function of ours says that it could not do its work.
 *
 * A function that can fail returns 0 or one of the negative codes below and takes a
 * `struct gs_err *` last. The text lives in the caller's struct: no heap, no global, and a NULL
 * err is allowed everywhere. Text is written on failure only. */
#pragma once

#include <stdarg.h>

/* One code for each way in which a caller would act differently. */
enum gs_code {
    GS_OK = 0,
    GS_INVALID = -1,     /* the input is not what it must be; the user has to change it */
    GS_NOT_FOUND = -2,   /* the thing named does not exist; often expected */
    GS_AMBIGUOUS = -3,   /* the name fits several things */
    GS_LIMIT = -4,       /* a bound of ours was passed; the input may be fine */
    GS_NO_MEMORY = -5,   /* the allocator said no */
    GS_INFEASIBLE = -6,  /* the question is well put and its answer is "impossible" */
    GS_BUSY = -7,        /* something in use stands in the way */
    GS_UNKNOWN = -8,     /* a fact that the answer needs is not known to us */
    GS_IO = -9,          /* the system refused; sys_errno says why */
    GS_UNSUPPORTED = -10 /* we know what is meant and do not do it */
};

struct gs_err {
    enum gs_code code;
    int sys_errno; /* 0 unless code is GS_IO */
    char msg[600]; /* one sentence, no newline at its end; cut with "..." when longer */
};

/* Writes code and text and returns code, so that `return gs_fail(err, GS_INVALID, "...")` reads
 * as what it does. */
int gs_fail(struct gs_err *err, enum gs_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As gs_fail. */
int gs_vfail(struct gs_err *err, enum gs_code code, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

/* As gs_fail with GS_IO; appends the text of errno `e` and keeps it in sys_errno. */
int gs_fail_errno(struct gs_err *err, int e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts context before a text that is already there: "<context>: <text>". Returns `code`. */
int gs_wrap(struct gs_err *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The analyzer sees one file at a time: tell it that these return what they are given. */
#if defined(__clang_analyzer__) && !defined(GS_ERR_ITSELF)
#define gs_fail(err, code, ...) (gs_fail(err, code, __VA_ARGS__), (int)(code))
#define gs_fail_errno(err, ...) (gs_fail_errno(err, __VA_ARGS__), (int)GS_IO)
#define gs_wrap(err, code, ...) (gs_wrap(err, code, __VA_ARGS__), (int)(code))
#endif
