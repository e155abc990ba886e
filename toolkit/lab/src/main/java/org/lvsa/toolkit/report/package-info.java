// SPDX-License-Identifier: Apache-2.0
/**
 * From results to tables, plots and one self-contained HTML page; and pictures of patterns. Depends
 * on {@code sweep} and {@code pattern}.
 *
 * <p>The words are explained in {@code docs/concepts.md}.
 */
package org.lvsa.toolkit.report;
