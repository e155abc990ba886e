// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

/**
 * How a transformer's work reaches the device.
 *
 * @param replayed whether the tasks of a block are recorded when the first block runs, and launched
 *     together from then on, where that is possible: TornadoVM does it on CUDA alone, and a record
 *     has no times of single tasks and no threads that change
 * @param beside whether weights that stay in the host's memory are sent on a stream of their own.
 *     It is an experiment, which takes {@code -Dtornado.vm.deps=True}: that makes TornadoVM return
 *     before a block is done, so that the next one's weights are sent meanwhile
 */
record Launching(boolean replayed, boolean beside) {
  /** What is done where nobody asks for anything else. */
  static final Launching USUAL = new Launching(false, false);
}
