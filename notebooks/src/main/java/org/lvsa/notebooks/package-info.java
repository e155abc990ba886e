// SPDX-License-Identifier: Apache-2.0
/**
 * A small Jupyter kernel for Java: {@link org.lvsa.notebooks.Session} evaluates cells with JShell,
 * {@link org.lvsa.notebooks.JavaKernel} speaks to Jupyter (through {@code jjava-jupyter}), {@link
 * org.lvsa.notebooks.NotebookMain} is the command line. The package depends on the toolkit; nothing
 * depends on the package.
 *
 * <p>Where JJava can be installed, the notebooks run in JJava as well. This kernel stays for two
 * reasons: a machine that has only Jupyter and a JDK gets a Java kernel from the build, without a
 * download; and {@code ./lvsa notebook} starts the kernel with the flags of a TornadoVM SDK, which
 * a kernelspec of JJava does not know. So that a notebook runs in both, a cell starts with the same
 * imports and may use the same magics.
 */
package org.lvsa.notebooks;
