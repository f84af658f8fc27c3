/* toml: Bottlerocket's settings, as user data has them. */
#pragma once

#include "lint/report.h"

void gs_lint_toml(struct gs_lint_work *work, const struct gs_lint_piece *piece);
