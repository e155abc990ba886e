// SPDX-License-Identifier: Apache-2.0
/**
 * From results to tables, plots and one self-contained HTML page; and pictures of patterns. Depends
 * on {@code sweep} and {@code pattern}.
 */
package org.lvsa.toolkit.report;
