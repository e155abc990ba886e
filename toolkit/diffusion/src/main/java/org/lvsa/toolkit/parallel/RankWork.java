// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

/** What every rank of a run does. All ranks make the same exchanges in the same order. */
@FunctionalInterface
public interface RankWork<T> {
  /**
   * Runs as one rank.
   *
   * @param ranks this rank and its way to the others
   */
  T run(Communicator ranks) throws Exception;
}
