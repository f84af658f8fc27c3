/* agentconfig_table: the settings of the agent, one row each. For agentconfig*.c, and for the
 * completion of the agent's command line. */
#pragma once

#include "wire/agentconfig.h"

enum { GS_SETTINGS_MAX = 128 };

enum gs_setting_kind {
    GS_SETTING_FLAG,      /* bool */
    GS_SETTING_TEXT,      /* const char * */
    GS_SETTING_PATH,      /* const char *: begins with a slash */
    GS_SETTING_CHOICE,    /* unsigned: index into choices */
    GS_SETTING_SET,       /* unsigned: bits, by index into choices */
    GS_SETTING_NUMBER,    /* uint64_t: least to most */
    GS_SETTING_CHANNELS,  /* bool: a list that is empty or [0] */
    GS_SETTING_DISCOVERY, /* auto or nvml; nothing is stored */
    GS_SETTING_IDLE_FLAG, /* true or false; nothing is stored */
    GS_SETTING_IDLE       /* any text; nothing is stored */
};

struct gs_setting {
    const char *group; /* heading above this row and those that follow; NULL: none new */
    const char *key;   /* in the file, parts by dots; NULL: not there */
    const char *flags[2];
    const char *envs[3];
    enum gs_setting_kind kind;
    bool may_be_empty;  /* "" means something: a variable that is there and empty sets it */
    const char *arg;    /* what stands for the value in --help; NULL: no flag takes one */
    const char *preset; /* the default, as it would be given */
    const char *help;
    const char *idle; /* why it does nothing here */
    const char *const *choices;
    uint64_t least;
    uint64_t most;
    size_t into;
};

const struct gs_setting *gs_settings(size_t *ret_n);

/* Stores a value as the environment and the arguments spell it; the text must outlive the
 * configuration. `add`: to a set that was given before. The message does not name the setting. */
int gs_setting_store(const struct gs_setting *setting, const char *text, bool add,
                     struct gs_agentconfig *config, struct gs_err *err);

/* Notes that a setting that does nothing was set, at `where`. GS_NO_MEMORY. */
int gs_setting_note(struct gs_arena *arena, struct gs_agentconfig *config, const char *where,
                    const char *why, struct gs_err *err);

/* agentconfig_sharing.c: the keys sharing, resources of NVIDIA's file; NULL where not there. */
int gs_agentconfig_read_sharing(struct gs_arena *arena, const struct gs_doc_node *sharing,
                                struct gs_agentconfig *config, struct gs_err *err);
int gs_agentconfig_read_resources(struct gs_arena *arena, const struct gs_doc_node *resources,
                                  struct gs_agentconfig *config, struct gs_err *err);
