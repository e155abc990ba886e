// SPDX-License-Identifier: Apache-2.0
/**
 * The backend {@code tornado}: attention kernels written in Java, which TornadoVM compiles at run
 * time for a GPU or for another device that it supports. Depends on {@code org.lvsa.kernels} and on
 * the API of the TornadoVM SDK that the build finds; without an SDK this module is left out of the
 * build.
 *
 * <p>The backend {@code cudnn} is a library's attention with the same work around it: {@code
 * SdpaKernel} and what stands beside it.
 *
 * <p>A failure of TornadoVM becomes a {@link org.lvsa.kernels.KernelFailedException}. {@code
 * NOTES.md} beside the sources tells what was tried to make the kernels fast, and what it gave.
 *
 * <p>The words are explained in {@code docs/concepts.md}.
 */
@NullMarked
package org.lvsa.kernels.tornado;

import org.jspecify.annotations.NullMarked;
