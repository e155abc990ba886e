// SPDX-License-Identifier: Apache-2.0
/**
 * Model geometries: from video frames and a resolution to latent frames, patches and a pattern. The
 * data lies in {@code datasets/models.json}. Depends on {@code pattern}.
 *
 * <p>The words are explained in {@code docs/concepts.md}.
 */
@NullMarked
package org.lvsa.toolkit.model;

import org.jspecify.annotations.NullMarked;
