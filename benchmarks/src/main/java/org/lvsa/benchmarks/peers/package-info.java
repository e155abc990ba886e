// SPDX-License-Identifier: Apache-2.0
/**
 * The {@code vector} backend beside PyTorch on the CPU, in one run: {@link
 * org.lvsa.benchmarks.peers.PeersCommand} is {@code ./lvsa bench --peers}. Every contestant is a
 * process of its own that waits for its turn, so that each has the vector width, the threads and
 * the JIT compiler's attention for itself.
 */
package org.lvsa.benchmarks.peers;
