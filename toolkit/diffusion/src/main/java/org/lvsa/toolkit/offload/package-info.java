// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps only those weights in memory that are needed now. Weights are mapped from files, so letting
 * them go loses nothing: the file is the master, and a number that is read again comes from it.
 * Components take turns ({@link org.lvsa.toolkit.offload.ModelTurns}), or the blocks of a
 * transformer do, with the next one read ahead while one runs ({@link
 * org.lvsa.toolkit.offload.BlockTurns}). Results are the same bit for bit.
 */
package org.lvsa.toolkit.offload;
