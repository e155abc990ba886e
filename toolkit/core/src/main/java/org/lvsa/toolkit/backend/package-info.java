// SPDX-License-Identifier: Apache-2.0
/**
 * Finds the attention backends on the class path and chooses one by name. A backend that is not
 * available is an error with its reason, never replaced silently. Depends on the kernels only.
 *
 * <p>The words are explained in {@code docs/concepts.md}.
 */
@NullMarked
package org.lvsa.toolkit.backend;

import org.jspecify.annotations.NullMarked;
