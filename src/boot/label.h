/* label: which value user data, or the arguments of a kubelet, give to a node label.
 *
 * The text may be anything that holds `--node-labels=a=b,KEY=VALUE`, or KEY as a key of YAML, JSON
 * or TOML: a shell script, a NodeConfig, several of them in a MIME message (parts in base64 are
 * decoded). Comments that begin with # are not looked at, nor are keys that only end or begin in
 * KEY, nor taints. What cannot be the value at boot (a shell's variable) is an error, not a guess.
 * Pure, but for the arena. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"

enum {
    GS_BOOT_LABEL_KEY_MAX = 317,      /* bytes of a prefix, a slash and a name */
    GS_BOOT_LABEL_VALUE_MAX = 63,     /* of a value: Kubernetes, labels */
    GS_BOOT_LABEL_TEXT_MAX = 1 << 20, /* of a text that is looked into */
    GS_BOOT_LABEL_PLACE_MAX = 400
};

/* What was found so far, over any number of texts. Begin with {.key = KEY}. */
struct gs_boot_label {
    const char *key;
    char value[GS_BOOT_LABEL_VALUE_MAX + 1];   /* "": none yet */
    char place[GS_BOOT_LABEL_PLACE_MAX];       /* "FILE:LINE" of the value */
    char empty_place[GS_BOOT_LABEL_PLACE_MAX]; /* where the key has no value; "": nowhere */
};

/* GS_INVALID: it cannot be the key of a label. */
int gs_boot_label_check_key(const char *key, struct gs_err *err);

/* Looks into one more text; `name` is what errors call it. GS_INVALID: a value that is none of a
 * label. GS_AMBIGUOUS: another value was found before. GS_UNSUPPORTED: it is compressed, or a part
 * of it is in an encoding that is not read. GS_LIMIT, GS_NO_MEMORY. */
int gs_boot_label_look(struct gs_view text, const char *name, struct gs_arena *arena,
                       struct gs_boot_label *label, struct gs_err *err);

/* After the last text. GS_NOT_FOUND: no text has the label (err untouched). GS_INVALID: it has no
 * value. */
int gs_boot_label_end(const struct gs_boot_label *label, struct gs_err *err);
