// SPDX-License-Identifier: Apache-2.0
/**
 * One sequence over several ranks, Ulysses' way: token shards become head shards by an all-to-all,
 * attention runs on whole sequences of few heads, and a second all-to-all brings token shards back.
 * {@link org.lvsa.toolkit.parallel.Communicator} is the border to the transport. Depends on the
 * kernels alone.
 */
package org.lvsa.toolkit.parallel;
