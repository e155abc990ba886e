// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.profile;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import jdk.jfr.Event;
import jdk.jfr.Name;
import jdk.jfr.consumer.RecordedEvent;
import org.lvsa.kernels.transformer.DeviceTransformer.Work;

/**
 * What each denoising step spent its time on, where a transformer was on a device: a row per step
 * with the kinds of work, their sum, and the step's own length.
 */
final class WorkTable {
  private static final double NANOS_PER_MILLI = 1e6;

  private WorkTable() {}

  /** A step, and its kinds of work in milliseconds. */
  private record Row(int step, double wall, Map<Work, Double> parts) {
    String line() {
      double sum = parts.values().stream().mapToDouble(Double::doubleValue).sum();
      return String.format(Locale.ROOT, "%4d", step)
          + Stream.concat(parts.values().stream(), Stream.of(sum, wall))
              .map(millis -> String.format(Locale.ROOT, "%13.1f", millis))
              .collect(Collectors.joining());
    }
  }

  /**
   * The table's lines, a heading before them; none where no transformer was on a device.
   *
   * @param events all that was recorded
   */
  static List<String> of(List<RecordedEvent> events) {
    List<RecordedEvent> forwards = named(events, ForwardEvent.class);
    if (forwards.isEmpty()) {
      return List.of();
    }
    List<String> lines = new ArrayList<>();
    lines.add(
        "milliseconds of each step by kind of work; to measure them, the host waited behind every"
            + " task of the device");
    lines.add(
        "step"
            + Stream.concat(Stream.of(Work.values()).map(Work::label), Stream.of("sum", "wall"))
                .map(label -> String.format(Locale.ROOT, "%13s", label))
                .collect(Collectors.joining()));
    for (RecordedEvent step : named(events, StepEvent.class)) {
      lines.add(row(step, forwards).line());
    }
    return lines;
  }

  private static List<RecordedEvent> named(
      List<RecordedEvent> events, Class<? extends Event> type) {
    String name = type.getAnnotation(Name.class).value();
    return events.stream()
        .filter(event -> event.getEventType().getName().equals(name))
        .sorted(Comparator.comparing(RecordedEvent::getStartTime))
        .toList();
  }

  private static Row row(RecordedEvent step, List<RecordedEvent> forwards) {
    Map<Work, Double> parts = new EnumMap<>(Work.class);
    double inside = 0;
    for (RecordedEvent forward : forwards) {
      if (!forward.getStartTime().isBefore(step.getStartTime())
          && !forward.getEndTime().isAfter(step.getEndTime())) {
        ForwardEvent.parts(forward)
            .forEach((kind, millis) -> parts.merge(kind, millis, Double::sum));
        inside += millis(forward.getDuration());
      }
    }
    double wall = millis(step.getDuration());
    // What lies between the forward passes is the host's: guidance and the scheduler.
    parts.merge(Work.OTHER, wall - inside, Double::sum);
    return new Row(step.getInt("step"), wall, parts);
  }

  private static double millis(Duration time) {
    return time.toNanos() / NANOS_PER_MILLI;
  }
}
