// SPDX-License-Identifier: Apache-2.0
/**
 * The {@code lvsa} command line. Knows every other package of the toolkit; none knows it. Exit
 * codes: 0 done, 1 failed, 2 bad input, 3 not available here.
 *
 * <p>The words are explained in {@code docs/concepts.md}.
 */
package org.lvsa.toolkit.cli;
