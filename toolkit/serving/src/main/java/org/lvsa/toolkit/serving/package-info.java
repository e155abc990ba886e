// SPDX-License-Identifier: Apache-2.0
/**
 * The video API over HTTP, in the shapes of OpenAI's: routes, fields, errors, the page at {@code /}
 * and figures for Prometheus. {@code docs/serving.md} is its reference.
 */
@NullMarked
package org.lvsa.toolkit.serving;

import org.jspecify.annotations.NullMarked;
