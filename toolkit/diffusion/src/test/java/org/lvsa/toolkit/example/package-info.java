// SPDX-License-Identifier: Apache-2.0
/**
 * Ripple, the worked example of docs/adding-a-model.md: a model of somebody else's, with a
 * transformer and a pipeline of its own, and the text encoder, VAE and scheduler of published ones.
 */
package org.lvsa.toolkit.example;
