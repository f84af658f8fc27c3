#include "cli/cluster/region.h"

#include <stdio.h>

static bool says(const char *text)
{
    return text != NULL && text[0] != '\0';
}

struct gs_region gs_region_choose(const struct gs_region_sources *sources)
{
    const struct {
        const char *name;
        enum gs_region_from from;
    } order[] = {
        {sources->given, GS_REGION_GIVEN},
        {sources->controller, GS_REGION_CONTROLLER},
        {sources->node, GS_REGION_NODE},
        {sources->controller_spoke ? NULL : sources->env, GS_REGION_ENV},
    };
    struct gs_region ret = {.name = "", .from = GS_REGION_NOWHERE};
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]) && !says(ret.name); i++) {
        if (says(order[i].name)) {
            (void)snprintf(ret.name, sizeof(ret.name), "%s", order[i].name);
            ret.from = order[i].from;
        }
    }
    return ret;
}

const char *gs_region_words(enum gs_region_from from)
{
    switch (from) {
    case GS_REGION_NOWHERE:
        return "not known";
    case GS_REGION_GIVEN:
        return "--region";
    case GS_REGION_CONTROLLER:
        return "the controller's";
    case GS_REGION_NODE:
        return "a node's label";
    case GS_REGION_ENV:
        return "AWS_REGION";
    }
    return "";
}
