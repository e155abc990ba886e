// SPDX-License-Identifier: Apache-2.0
/**
 * What every part of the toolkit needs to deal with the outside: strict JSON, output files that
 * appear whole or not at all, child processes with a time-out, the memory that is free, and the
 * wording of messages. Depends on nothing else of this project.
 */
@NullMarked
package org.lvsa.toolkit.io;

import org.jspecify.annotations.NullMarked;
