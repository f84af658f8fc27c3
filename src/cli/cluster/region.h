/* region: whose prices count, as far as a command can know it without being told. Pure. */
#pragma once

#include <stdbool.h>

enum { GS_REGION_MAX = 64 };

enum gs_region_from {
    GS_REGION_NOWHERE,
    GS_REGION_GIVEN,      /* --region */
    GS_REGION_CONTROLLER, /* status.region of a SlicePool: what the controller reckons with */
    GS_REGION_NODE,       /* the label topology.kubernetes.io/region of a node */
    GS_REGION_ENV         /* AWS_REGION */
};

/* What each of them says; NULL or "": nothing. */
struct gs_region_sources {
    const char *given;
    const char *controller;
    bool controller_spoke; /* it has written a status: without a region it knows of none */
    const char *node;
    const char *env;
};

struct gs_region {
    char name[GS_REGION_MAX]; /* "": not known */
    enum gs_region_from from;
};

/* The first that says something, in the order above. Not the environment where a controller has
 * said that it knows of no region: it buys nothing then, and that is what is to be shown. */
struct gs_region gs_region_choose(const struct gs_region_sources *sources);

/* "--region", "the controller's", ... */
const char *gs_region_words(enum gs_region_from from);
