#include <stdio.h>
#include <string.h>

#include "cli/cluster/commands.h"
#include "wire/kubejson.h"

/* As the API server has it (RFC 1123): so that no path leads elsewhere. */
bool gs_is_object_name(const char *text)
{
    size_t n = strlen(text);
    return gs_kubejson_is_name(text) && strchr(".-", text[0]) == NULL &&
           strchr(".-", text[n - 1]) == NULL && strstr(text, "..") == NULL;
}

int gs_pod_word(const char *word, const char *space, char ret_space[GS_LINK_NAMESPACE_MAX],
                const char **ret_name, struct gs_err *err)
{
    const char *slash = strrchr(word, '/');
    size_t n = slash == NULL ? 0 : (size_t)(slash - word);
    const char *name = slash == NULL ? word : slash + 1;
    char given[GS_LINK_NAMESPACE_MAX];
    bool of_kind = n > 0 && ((n == 3 && strncmp(word, "pod", n) == 0) ||
                             (n == 4 && strncmp(word, "pods", n) == 0));
    (void)snprintf(given, sizeof(given), "%.*s", slash == NULL || of_kind ? 253 : (int)n,
                   slash == NULL || of_kind ? space : word);
    if (n >= sizeof(given) || !gs_is_object_name(given) || !gs_is_object_name(name)) {
        return gs_fail(
            err, GS_INVALID,
            "\"%.200s\" cannot be the name of a pod; expected NAMESPACE/POD, or POD with "
            "--namespace",
            word);
    }
    memcpy(ret_space, given, sizeof(given));
    *ret_name = name;
    return 0;
}
