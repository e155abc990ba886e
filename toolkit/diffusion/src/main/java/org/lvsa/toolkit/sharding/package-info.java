// SPDX-License-Identifier: Apache-2.0
/**
 * A transformer whose tokens several ranks divide: each runs the layers on its own tokens. A {@link
 * org.lvsa.toolkit.sharding.SequencePlan} says where tensors are split and where they are gathered
 * again, by the names of the transformer's modules; {@link
 * org.lvsa.toolkit.sharding.SequenceShards} does it.
 *
 * <p>The package depends on communicators and tensors only.
 */
package org.lvsa.toolkit.sharding;
