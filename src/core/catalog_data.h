/* catalog_data: the table that scripts/gen_catalog.py writes; used by catalog.c alone. */
#pragma once

#include "core/model.h"

extern const struct gs_model gs_catalog_models[];
extern const size_t gs_catalog_n_models;
