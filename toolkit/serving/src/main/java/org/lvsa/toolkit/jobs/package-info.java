// SPDX-License-Identifier: Apache-2.0
/**
 * Videos as jobs: what is asked for, who makes it, the bounded queue in which jobs wait, and the
 * store that keeps them over a restart. Knows nothing of HTTP.
 */
@NullMarked
package org.lvsa.toolkit.jobs;

import org.jspecify.annotations.NullMarked;
