// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.profile;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** Numbers move between memories, such as the weights of a block. */
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

  @Override
  public void close() {
    commit();
  }
}
