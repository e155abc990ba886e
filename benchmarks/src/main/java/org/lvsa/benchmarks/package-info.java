// SPDX-License-Identifier: Apache-2.0
/**
 * JMH benchmarks, one file for one thing, and {@link org.lvsa.benchmarks.Bench}, which starts them.
 * Depends on toolkit and kernels; nothing depends on it.
 */
package org.lvsa.benchmarks;
