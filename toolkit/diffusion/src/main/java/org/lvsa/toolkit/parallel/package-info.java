// SPDX-License-Identifier: Apache-2.0
/**
 * One sequence over several ranks. {@link org.lvsa.toolkit.parallel.Communicator} is the border to
 * the transport (threads of one JVM, or JVMs over TCP), {@link
 * org.lvsa.toolkit.parallel.ContextParallel} what is done with it: Ulysses, by heads, or the
 * published processor's way, by queries with the global frames' keys and values shared. Depends on
 * the kernels alone.
 *
 * <p>The words are explained in {@code docs/concepts.md}.
 */
package org.lvsa.toolkit.parallel;
