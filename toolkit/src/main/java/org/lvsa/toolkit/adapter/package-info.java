// SPDX-License-Identifier: Apache-2.0
/**
 * Attention blocks of real models on ND4J: {@link org.lvsa.toolkit.adapter.ModelAdapter} knows a
 * model's projections, norms and positions, {@link org.lvsa.toolkit.adapter.Weights} its files
 * under the names that diffusers gives them. Depends on attention, model and tensor.
 */
package org.lvsa.toolkit.adapter;
