// SPDX-License-Identifier: Apache-2.0
/** Makes the videos of a server's jobs with a pipeline of {@code toolkit/diffusion}. */
@NullMarked
package org.lvsa.toolkit.maker;

import org.jspecify.annotations.NullMarked;
