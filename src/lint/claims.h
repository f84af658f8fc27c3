/* claims: what guides say in words and is not so, one row each. */
#pragma once

#include <stddef.h>

#include "lint/rules.h"

enum gs_lint_claim_part {
    GS_LINT_CLAIM_WORDS,   /* what is in the phrase's brackets is replaced */
    GS_LINT_CLAIM_SENTENCE /* all of the sentence */
};

struct gs_lint_claim {
    enum gs_lint_rule_id rule;
    const char *phrase; /* phrase.h */
    enum gs_lint_claim_part part;
    const char *instead; /* without a full stop at its end */
};

extern const struct gs_lint_claim gs_lint_claims[];
extern const size_t gs_lint_n_claims;
