// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.util.Arrays;

/**
 * What a rank needs of the others. Small enough for NCCL ({@code ncclSend} and {@code ncclRecv} in
 * one group) or MPI ({@code MPI_Alltoallv}) to stand behind it.
 */
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
   * @throws RankFailure if another rank gave up or cannot be reached
   */
  float[][] allToAll(float[][] parts);

  /** Bytes that this rank has sent to others so far. */
  long bytesSent();

  /** Leaves. The others' next exchange with this rank fails at once instead of waiting. */
  @Override
  default void close() {}

  /**
   * Gives up: leaves, and lets the others' next exchange fail with the reason.
   *
   * @param cause why; a {@link RankFailure} is passed on as it is, so that all ranks report the
   *     first failure
   */
  default void fail(Throwable cause) {
    close();
  }

  /** Does this rank's work; if it fails, the other ranks end with its reason. */
  default <T> T work(RankWork<T> work) throws Exception {
    try {
      return work.run(this);
    } catch (Exception | Error e) {
      fail(e);
      throw e;
    }
  }

  /** Sends the same to every rank, and receives what each sent: in order of ranks. */
  default float[][] allGather(float[] part) {
    float[][] parts = new float[world()][];
    Arrays.fill(parts, part);
    return allToAll(parts);
  }

  /** A rank that is alone. */
  static Communicator alone() {
    return new Alone();
  }

  /** The only rank: nothing is sent. */
  record Alone() implements Communicator {
    @Override
    public int rank() {
      return 0;
    }

    @Override
    public int world() {
      return 1;
    }

    @Override
    public float[][] allToAll(float[][] parts) {
      return parts.clone();
    }

    @Override
    public long bytesSent() {
      return 0;
    }
  }
}
