// SPDX-License-Identifier: Apache-2.0
/**
 * A small Jupyter kernel for Java: {@link org.lvsa.notebooks.Session} evaluates cells with JShell,
 * {@link org.lvsa.notebooks.JavaKernel} speaks to Jupyter (through {@code jjava-jupyter}), {@link
 * org.lvsa.notebooks.NotebookMain} is the command line. Depends on toolkit; nothing depends on it.
 */
package org.lvsa.notebooks;
