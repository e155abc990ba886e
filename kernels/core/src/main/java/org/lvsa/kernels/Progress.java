// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels;

/** Is told how far preparations are. */
@FunctionalInterface
public interface Progress {
  /** Takes nothing. */
  Progress NONE = (done, all, what) -> {};

  /**
   * A part is done.
   *
   * @param done parts so far
   * @param all parts
   * @param what comes next, in words
   */
  void at(int done, int all, String what);
}
