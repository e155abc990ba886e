// SPDX-License-Identifier: Apache-2.0
/**
 * What a published model's folder holds: the tensors of a component, memory-mapped and checked
 * against the shapes that the model needs, and the component's {@code config.json}.
 */
package org.lvsa.toolkit.weights;
