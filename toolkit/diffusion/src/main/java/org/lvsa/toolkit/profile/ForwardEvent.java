// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.profile;

import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.consumer.RecordedEvent;
import org.lvsa.kernels.decoder.DeviceDecoder;
import org.lvsa.kernels.transformer.DeviceTransformer.ForwardTimes;
import org.lvsa.kernels.transformer.DeviceTransformer.Work;

/**
 * A transformer or a decoder on a device makes one forward pass. The kinds of work are
 * milliseconds, each measured for itself.
 */
@Name("org.lvsa.Forward")
@Label("Forward pass on a device")
@Category("LVSA")
@StackTrace(false)
public final class ForwardEvent extends Event implements AutoCloseable {
  private String device = "";
  private String kernels = "";
  private double attention;
  private double products;
  private double elementwise;
  private double transfers;
  private double other;

  /** A forward pass begins. */
  public static ForwardEvent begin(String device) {
    ForwardEvent event = new ForwardEvent();
    event.device = device;
    event.begin();
    return event;
  }

  /** Whether anything records forward passes now: then they are measured. */
  public static boolean recorded() {
    return new ForwardEvent().isEnabled();
  }

  /** What it spent its time on. */
  public void ran(String names, ForwardTimes times) {
    kernels = names;
    attention = times.parts().getOrDefault(Work.ATTENTION, 0.0);
    products = times.parts().getOrDefault(Work.PRODUCTS, 0.0);
    elementwise = times.parts().getOrDefault(Work.ELEMENTWISE, 0.0);
    transfers = times.parts().getOrDefault(Work.TRANSFERS, 0.0);
    other = times.parts().getOrDefault(Work.OTHER, 0.0);
  }

  /** What a decoder spent its time on. */
  public void decoded(String names, DeviceDecoder.Times times) {
    kernels = names;
    attention = times.attention();
    products = times.products();
    elementwise = times.elementwise();
    transfers = times.transfers();
    other = times.other();
  }

  /** The kinds of work of a recorded event, in milliseconds. */
  static Map<Work, Double> parts(RecordedEvent event) {
    Map<Work, Double> parts = new EnumMap<>(Work.class);
    for (Work kind : Work.values()) {
      parts.put(kind, event.getDouble(kind.name().toLowerCase(Locale.ROOT)));
    }
    return parts;
  }

  @Override
  public void close() {
    commit();
  }
}
