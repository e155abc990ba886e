// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.profile;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import org.lvsa.kernels.KernelRun;

/** An attention kernel runs, with what it measures itself. */
@Name("org.lvsa.Kernel")
@Label("Kernel")
@Category("LVSA")
@StackTrace(false)
public final class KernelEvent extends Event implements AutoCloseable {
  private String kernel = "";
  private String device = "";
  private double kernelMillis;
  private double prepareMillis;
  private double transferMillis;

  /** A kernel begins. */
  public static KernelEvent begin(String device) {
    KernelEvent event = new KernelEvent();
    event.device = device;
    event.begin();
    return event;
  }

  /** What the kernel says of itself; on a GPU these are the times of its driver. */
  public void ran(KernelRun run) {
    kernel = run.kernel();
    kernelMillis = run.kernelMillis();
    prepareMillis = run.prepareMillis();
    transferMillis = run.transferMillis();
  }

  @Override
  public void close() {
    commit();
  }
}
