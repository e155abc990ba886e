// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

/** What a rank needs of the others. */
public interface Communicator extends AutoCloseable {
  /** This rank, from 0. */
  int rank();

  /** Ranks together. */
  int world();

  /**
   * Sends {@code parts[r]} to rank r and receives what each rank has for this one. Every rank calls
   * it, in the same order.
   *
   * @return a part from each rank, this one's own included
   */
  float[][] allToAll(float[][] parts);

  /** Bytes that this rank has sent to others so far. */
  long bytesSent();

  @Override
  default void close() {}
}
