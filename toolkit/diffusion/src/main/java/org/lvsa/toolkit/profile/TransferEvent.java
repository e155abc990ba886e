// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.profile;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** Numbers move between memories: the weights of a block, or what ranks exchange. */
@Name("org.lvsa.Transfer")
@Label("Transfer")
@Category("LVSA")
@StackTrace(false)
public final class TransferEvent extends Event implements AutoCloseable {
  private String name = "";
  private long bytes;

  /** A transfer begins. */
  public static TransferEvent begin(String name, long bytes) {
    TransferEvent event = new TransferEvent();
    event.name = name;
    event.bytes = bytes;
    event.begin();
    return event;
  }

  /**
   * An exchange among ranks begins. Its length includes the wait for the slowest of them. A rank
   * that sends nothing, as at a barrier, is said to wait.
   *
   * @param parts what goes to each rank
   * @param own the place of the part that stays here
   */
  public static TransferEvent exchange(float[][] parts, int own) {
    long numbers = -parts[own].length;
    for (float[] part : parts) {
      numbers += part.length;
    }
    return begin(numbers == 0 ? "wait" : "all-to-all", numbers * Float.BYTES);
  }

  @Override
  public void close() {
    commit();
  }
}
