/* manifest: one YAML document: pods and what has pods in it, the device plugin's DaemonSet, Helm
 * values of the GPU operator. */
#pragma once

#include "lint/report.h"

/* Containers wherever they are, node selectors, labels. */
void gs_lint_pods(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                  const struct gs_lint_node *root);

/* The DaemonSet that runs a device plugin; other documents are not looked at. */
void gs_lint_plugin(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                    const struct gs_lint_node *root);

/* Values of NVIDIA's charts: a document without kind that has mig, migStrategy or migManager. */
void gs_lint_values(struct gs_lint_work *work, const struct gs_lint_piece *piece,
                    const struct gs_lint_node *root);
