// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.profile;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A block of a transformer runs. */
@Name("org.lvsa.Block")
@Label("Block")
@Category("LVSA")
@StackTrace(false)
public final class BlockEvent extends Event implements AutoCloseable {
  private String list = "";
  private int block;

  /** A block begins. */
  public static BlockEvent begin(String list, int block) {
    BlockEvent event = new BlockEvent();
    event.list = list;
    event.block = block;
    event.begin();
    return event;
  }

  @Override
  public void close() {
    commit();
  }
}
