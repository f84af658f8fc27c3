/* kubeconfig: which API server, and as whom, by kubectl's configuration file. Sans-I/O.
 *
 * Reads one file, or several as kubectl merges them, and gives what the context means. Files that
 * it names are as they stand there: relative ones are meant from the folder of the configuration
 * that names them.
 * Certificates given inside come decoded. What we do not do is refused with its name, never
 * passed over: proxies, user name and password, auth providers, impersonation.
 * Source: k8s.io/client-go/tools/clientcmd/api/v1. */
#pragma once

#include "wire/doc.h"

enum {
    GS_KUBECONFIG_FILES_MAX = 32,
    GS_KUBECONFIG_ARGS_MAX = 64,
    GS_KUBECONFIG_PEM_MAX = 48 * 1024
};

/* A program that tells who we are (client.authentication.k8s.io). */
struct gs_kubeconfig_exec {
    const char *command; /* NULL: none */
    const char *api_version;
    const char **args; /* without the command; NULL at the end */
    const char **env;  /* "NAME=value"; NULL at the end */
    bool cluster_info; /* it is to be told of the cluster */
};

/* Texts are "" where they are not given. */
struct gs_kubeconfig {
    const char *context; /* the one that was taken */
    const char *server;  /* "https://10.0.0.1:6443", without a "/" at its end */
    const char *server_name;
    const char *ca_file;
    struct gs_view ca;
    bool insecure;
    const char *cert_file;
    struct gs_view cert;
    const char *key_file;
    struct gs_view key;
    const char *token;
    const char *token_file;
    const char *name_space;
    struct gs_kubeconfig_exec exec;
    size_t cluster_of; /* which input has the cluster, and so ca_file */
    size_t user_of;    /* likewise the user: certificates, tokens, the program */
};

/* Takes `context`, or the file's current-context where it is NULL. Everything lives in the arena.
 * GS_INVALID, GS_LIMIT, GS_NO_MEMORY as of doc.h; GS_NOT_FOUND: no such context, cluster or user;
 * GS_UNSUPPORTED. The errors name file, line and field. */
int gs_kubeconfig_parse(struct gs_arena *arena, const struct gs_doc_input *input,
                        const char *context, struct gs_kubeconfig *ret, struct gs_err *err);

/* The same of several, GS_KUBECONFIG_FILES_MAX at most: what the first of them says of a context, a
 * cluster, a user by its name, or of the current-context, holds. */
int gs_kubeconfig_parse_all(struct gs_arena *arena, const struct gs_doc_input *inputs, size_t n,
                            const char *context, struct gs_kubeconfig *ret, struct gs_err *err);
