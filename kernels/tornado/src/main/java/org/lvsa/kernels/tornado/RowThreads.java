// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

/** How kernels on rows and on heads share their work out, for themselves and for their callers. */
final class RowThreads {
  /** The most that a work-group of a row has, and those of a work-group of heads. */
  static final int MOST = 256;

  /** Heads of a work-group of the kernels on heads: eight warps have four each. */
  static final int HEADS = 32;

  private RowThreads() {}

  /** Threads of the work-group that has a row of that many numbers. */
  static int of(int width) {
    return width > 3072 ? MOST : width > 1536 ? 128 : 64;
  }
}
