// SPDX-License-Identifier: Apache-2.0
/**
 * Self-attention over one sequence that several ranks share.
 *
 * <p>A rank is one of the workers that make a video together; each holds an equal part of the
 * video's tokens. {@link org.lvsa.toolkit.parallel.Communicator} is a rank's way to the others:
 * {@link org.lvsa.toolkit.parallel.InProcess} for threads of one JVM, {@link
 * org.lvsa.toolkit.parallel.Loopback} for processes of one machine, which {@link
 * org.lvsa.toolkit.parallel.RankProcesses} starts. {@link
 * org.lvsa.toolkit.parallel.ContextParallel} divides an attention among the ranks, by heads or by
 * queries. A rank that fails ends all ranks with its reason.
 *
 * <p>The package depends on the kernels' types only.
 *
 * <p>The words are explained in {@code docs/concepts.md}.
 */
package org.lvsa.toolkit.parallel;
