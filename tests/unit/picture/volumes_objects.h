/* volumes_objects: claims, volumes and classes as an API server would have them, for readings of
 * tests. */
#pragma once

#include <jansson.h>
#include <string.h>

#include "picture/volumes.h"
#include "unit/wire/json_text.h"

#define VOLUMES_PVC(name) "/api/v1/namespaces/d/persistentvolumeclaims/" name
#define VOLUMES_PV(name) "/api/v1/persistentvolumes/" name
#define VOLUMES_CLASS(name) "/apis/storage.k8s.io/v1/storageclasses/" name
#define VOLUMES_BOUND "'annotations':{'pv.kubernetes.io/bind-completed':'yes'}"

struct volumes_object {
    const char *path;
    const char *text; /* ' for "; NULL: it may not be read */
};

/* What is asked is answered by the first object of that path; none: it is not there. */
static inline struct gs_volumes *volumes_read(const struct gs_kubepod *pod, const char *uid,
                                              const struct volumes_object *objects, size_t n)
{
    struct gs_volumes_reading *reading = gs_volumes_read(pod, uid);
    const char *path;
    unsigned asked = 0;
    assert_non_null(reading);
    while ((path = gs_volumes_next(reading)) != NULL) {
        const struct volumes_object *found = NULL;
        assert_true(asked++ < 2 * GS_KUBEPOD_CLAIMS_MAX);
        for (size_t i = 0; found == NULL && i < n; i++) {
            found =
                objects[i].path != NULL && strcmp(objects[i].path, path) == 0 ? &objects[i] : NULL;
        }
        if (found != NULL && found->text == NULL) {
            assert_int_equal(gs_volumes_fail(reading, "403 no right", NULL), 0);
            continue;
        }
        json_t *object = found == NULL ? NULL : json_text(found->text);
        assert_int_equal(gs_volumes_take(reading, object, NULL), 0);
        json_decref(object);
    }
    return gs_volumes_end(reading);
}
