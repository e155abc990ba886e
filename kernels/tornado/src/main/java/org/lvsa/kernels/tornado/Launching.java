// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

/** How the tasks of a transformer's blocks reach the device. */
enum Launching {
  /** One by one, for every block. */
  SINGLY,
  /**
   * They are recorded when the first block runs, and launched together from then on, where that is
   * possible: TornadoVM does it on CUDA alone, and a record has no times of single tasks and no
   * threads that change.
   */
  REPLAYED;

  /** What is done where nobody asks for anything else. */
  static final Launching USUAL = SINGLY;
}
