/* spelling: the command lines of mig-parted that getopt does not take, respelled.
 *
 *     -config-file x   -config-file=x   -f=x   -m=false   -mode-only=1   -h=true
 *
 * A value is pointed to, never copied: it lives as long as argv. */
#pragma once

#include "term/options.h"

enum { GS_MIG_WORDS_MAX = 4096 /* of one command line */ };

struct gs_mig_words {
    char **words; /* NULL-terminated; borrowed from argv, but for those in `made` */
    int n;
    char *made[GS_MIG_WORDS_MAX];
    unsigned n_made;
};

/* Respells the words behind argv[0], up to a "--". GS_LIMIT: more than GS_MIG_WORDS_MAX.
 * GS_NO_MEMORY. gs_mig_words_done is due on failure too. */
int gs_mig_respell(const struct gs_command *command, int argc, char **argv,
                   struct gs_mig_words *ret, struct gs_err *err);
void gs_mig_words_done(struct gs_mig_words *line);
