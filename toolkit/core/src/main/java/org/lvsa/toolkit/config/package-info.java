// SPDX-License-Identifier: Apache-2.0
/**
 * What the published LVSA reads from its environment: {@link org.lvsa.toolkit.config.Setting} says
 * which variables there are, {@link org.lvsa.toolkit.config.LvsaConfig} holds their values. Depends
 * on nothing of the toolkit.
 *
 * <p>The words are explained in {@code docs/concepts.md}.
 */
@NullMarked
package org.lvsa.toolkit.config;

import org.jspecify.annotations.NullMarked;
