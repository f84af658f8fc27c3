#include "cluster/kube_namespace.h"

#include <stdio.h>
#include <string.h>

#include "cluster/kube_identity.h"

void gs_kube_own_namespace(const char *given, char *ret, size_t size)
{
    if (given != NULL) {
        (void)snprintf(ret, size, "%s", given);
        return;
    }
    FILE *file = fopen(GS_KUBE_SERVICE_ACCOUNT "/namespace", "re");
    size_t n = file == NULL ? 0 : fread(ret, 1, size - 1, file);
    ret[n] = '\0';
    ret[strcspn(ret, " \t\r\n")] = '\0';
    if (file != NULL) {
        fclose(file);
    }
    if (ret[0] == '\0') {
        (void)snprintf(ret, size, "gpuslice-system");
    }
}
