// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.profile;

import java.time.Duration;
import java.time.Instant;
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
 * What a run spent its time on, where a transformer was on a device: a row for the text encoder,
 * for each denoising step and for the VAE, with the kinds of work, their sum, and the row's own
 * length; then the rest, which is reading weights, compiling and uploading; and all of it.
 */
final class WorkTable {
  private static final double NANOS_PER_MILLI = 1e6;

  private WorkTable() {}

  /** A part of the run, and its kinds of work in milliseconds. */
  private record Row(String what, double wall, Map<Work, Double> parts) {
    /** All of it on the host. */
    static Row host(String what, double wall) {
      Map<Work, Double> parts = new EnumMap<>(Work.class);
      Stream.of(Work.values()).forEach(kind -> parts.put(kind, 0.0));
      parts.put(Work.OTHER, wall);
      return new Row(what, wall, parts);
    }

    /** Several parts as one. */
    static Row all(String what, List<Row> rows) {
      Map<Work, Double> parts = new EnumMap<>(Work.class);
      rows.forEach(
          row -> row.parts.forEach((kind, millis) -> parts.merge(kind, millis, Double::sum)));
      return new Row(what, rows.stream().mapToDouble(Row::wall).sum(), parts);
    }

    String line() {
      double sum = parts.values().stream().mapToDouble(Double::doubleValue).sum();
      return String.format(Locale.ROOT, "%4s", what)
          + Stream.concat(parts.values().stream(), Stream.of(sum, wall))
              .map(millis -> String.format(Locale.ROOT, "%13.1f", millis))
              .collect(Collectors.joining());
    }
  }

  /** When something ran. */
  private record Span(Instant begin, Instant end) {
    static Span of(RecordedEvent event) {
      return new Span(event.getStartTime(), event.getEndTime());
    }

    boolean holds(RecordedEvent event) {
      return !event.getStartTime().isBefore(begin) && !event.getEndTime().isAfter(end);
    }

    double wall() {
      return millis(Duration.between(begin, end));
    }
  }

  /**
   * The table's lines, a heading before them; none where no transformer was on a device.
   *
   * @param events all that was recorded
   * @param whole how long it was recorded
   */
  static List<String> of(List<RecordedEvent> events, Duration whole) {
    List<RecordedEvent> forwards = named(events, ForwardEvent.class);
    if (forwards.isEmpty()) {
      return List.of();
    }
    List<Row> rows = new ArrayList<>();
    rows.addAll(phase(events, forwards, PhaseEvent.PROMPTS, "text"));
    for (RecordedEvent step : named(events, StepEvent.class)) {
      rows.add(row(Integer.toString(step.getInt("step")), Span.of(step), forwards));
    }
    rows.addAll(phase(events, forwards, PhaseEvent.DECODE, "VAE"));
    double told = rows.stream().mapToDouble(Row::wall).sum();
    rows.add(Row.host("rest", millis(whole) - told));
    rows.add(Row.all("all", rows));
    List<String> lines = new ArrayList<>();
    lines.add(
        "milliseconds of the text encoder, each step and the VAE by kind of work; to measure them,"
            + " the host waited behind every task of the device");
    lines.add(
        "step"
            + Stream.concat(Stream.of(Work.values()).map(Work::label), Stream.of("sum", "wall"))
                .map(label -> String.format(Locale.ROOT, "%13s", label))
                .collect(Collectors.joining()));
    rows.forEach(row -> lines.add(row.line()));
    return lines;
  }

  /** A row for all phases of a name; none where there was none. */
  private static List<Row> phase(
      List<RecordedEvent> events, List<RecordedEvent> forwards, String name, String what) {
    List<Row> rows =
        named(events, PhaseEvent.class).stream()
            .filter(event -> event.getString("name").equals(name))
            .map(event -> row(what, Span.of(event), forwards))
            .toList();
    return rows.isEmpty() ? List.of() : List.of(Row.all(what, rows));
  }

  private static List<RecordedEvent> named(
      List<RecordedEvent> events, Class<? extends Event> type) {
    String name = type.getAnnotation(Name.class).value();
    return events.stream()
        .filter(event -> event.getEventType().getName().equals(name))
        .sorted(Comparator.comparing(RecordedEvent::getStartTime))
        .toList();
  }

  /**
   * What lies between the device's passes is the host's: guidance and the scheduler, for a step.
   */
  private static Row row(String what, Span span, List<RecordedEvent> forwards) {
    List<RecordedEvent> inside = forwards.stream().filter(span::holds).toList();
    List<Row> rows = new ArrayList<>();
    for (RecordedEvent forward : inside) {
      rows.add(new Row(what, millis(forward.getDuration()), ForwardEvent.parts(forward)));
    }
    double device = rows.stream().mapToDouble(Row::wall).sum();
    rows.add(Row.host(what, span.wall() - device));
    return Row.all(what, rows);
  }

  private static double millis(Duration time) {
    return time.toNanos() / NANOS_PER_MILLI;
  }
}
