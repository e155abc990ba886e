// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.profile;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** A part of a run, such as encoding the prompts. */
@Name("org.lvsa.Phase")
@Label("Phase")
@Category("LVSA")
@StackTrace(false)
public final class PhaseEvent extends Event implements AutoCloseable {
  /** Prompts become embeddings: the text encoders are read, and run on the CPU. */
  public static final String PROMPTS = "prompts";

  /** Latents become frames, which are written. */
  public static final String DECODE = "decode";

  private String name = "";

  /** A phase begins. */
  public static PhaseEvent begin(String name) {
    PhaseEvent event = new PhaseEvent();
    event.name = name;
    event.begin();
    return event;
  }

  @Override
  public void close() {
    commit();
  }
}
