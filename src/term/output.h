/* output: the result of a command on stdout: a text for people, or a tree as JSON or YAML. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "term/result.h"

enum gs_format { GS_FORMAT_TABLE, GS_FORMAT_JSON, GS_FORMAT_YAML, GS_FORMATS };

/* "table", "json", "yaml", NULL: the choices of -o, in the order of enum gs_format. A command with
 * more formats has a list of its own that begins with these. */
extern const char *const gs_format_names[GS_FORMATS + 1];

/* Bytes of one result; more is refused. */
#define GS_OUTPUT_MAX ((size_t)1 << 30)

/* The tree as text. JSON: two blanks a level, keys in their order, a newline at the end. YAML:
 * a document that YAML 1.1 and 1.2 readers take for the same tree; text that would be read as
 * another type is quoted. On failure `out` fails. Neither changes the tree. */
void gs_json_encode(const json_t *tree, struct gs_buf *out);
void gs_yaml_encode(json_t *tree, struct gs_buf *out);

/* Writes to stdout; what a pipe or a disk refuses shows here or in gs_output_close at the latest.
 * GS_IO. GS_NO_MEMORY: the text or the tree had failed. */
int gs_output_text(const struct gs_buf *text, struct gs_err *err);
int gs_output_result(const struct gs_result *result, enum gs_format format, struct gs_err *err);

/* Sends on what is still buffered. main() calls it last. */
int gs_output_close(struct gs_err *err);

/* Whether a caller of the above was told already that stdout cannot be written. */
bool gs_output_failed(void);

/* Whether stdout was a pipe whose reader has left (`| head`): nobody is there to be told of it. */
bool gs_output_reader_gone(void);

/* Whether stdout takes colours: a terminal, and the user did not say NO_COLOR or TERM=dumb. */
bool gs_output_styled(void);
