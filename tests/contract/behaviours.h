/* behaviours: what every implementation of the GPU port does. */
#pragma once

#include "contract/bed.h"

struct behaviour {
    const char *name;
    CMUnitTestFunction run;
};

extern const struct behaviour behaviours_of_reading[];
extern const struct behaviour behaviours_of_cutting[];
extern const struct behaviour behaviours_of_mode[];
extern const struct behaviour behaviours_of_telling[];
extern const struct behaviour behaviours_of_watching[];

#define BEHAVIOUR(function)                                                                        \
    {                                                                                              \
#function, function                                                                        \
    }
#define BEHAVIOURS_END                                                                             \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }

/* The models of the catalogue that can be cut, one after another: NULL at the end. */
const struct gs_model *next_model(size_t *at);

/* NVML's ids of the A100 and its like. */
enum { ID_1G = 19, ID_1G_ME = 20, ID_1G_TWICE = 15, ID_2G = 14, ID_3G = 9, ID_4G = 5, ID_7G = 0 };
enum { CI_1 = 0, CI_2 = 1, CI_3 = 2, CI_4 = 3, CI_7 = 4 };
