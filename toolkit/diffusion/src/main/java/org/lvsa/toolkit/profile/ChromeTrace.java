// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.profile;

import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordedThread;
import org.lvsa.toolkit.io.Json;

/**
 * Writes recorded events in Chrome's trace event format, which {@code ui.perfetto.dev} and {@code
 * chrome://tracing} open: complete events ({@code "ph": "X"}) with the time in microseconds since
 * the first one. Spans of one thread nest.
 */
final class ChromeTrace {
  private static final double NANOS_PER_MICRO = 1e3;
  private static final double NANOS_PER_MILLI = 1e6;
  private static final String PREFIX = "org.lvsa.";

  private ChromeTrace() {}

  /**
   * A span.
   *
   * @param category such as {@code block}
   * @param begin in nanoseconds
   * @param end in nanoseconds
   */
  private record Span(
      String category, String name, long begin, long end, Map<String, Object> arguments) {}

  /**
   * Writes a trace.
   *
   * @param events of a recording
   * @param rank is the trace's process number, so that traces of several ranks can be joined
   */
  static void write(List<RecordedEvent> events, int rank, OutputStream out) throws IOException {
    Map<Long, List<Span>> byThread = new TreeMap<>();
    Map<Long, String> names = new TreeMap<>();
    Instant first = null;
    List<RecordedEvent> recorded =
        events.stream()
            .filter(event -> event.getEventType().getName().startsWith(PREFIX))
            .sorted(Comparator.comparing(RecordedEvent::getStartTime))
            .toList();
    for (RecordedEvent event : recorded) {
      first = first == null ? event.getStartTime() : first;
      RecordedThread thread = event.getThread();
      long id = thread == null ? 0 : thread.getJavaThreadId();
      names.put(id, name(thread, id));
      byThread.computeIfAbsent(id, key -> new ArrayList<>()).addAll(spans(event, first));
    }
    try (JsonGenerator json = Json.mapper().createGenerator(out)) {
      json.writeStartObject();
      json.writeStringField("displayTimeUnit", "ms");
      json.writeArrayFieldStart("traceEvents");
      metadata(json, "process_name", rank, 0, "lvsa rank " + rank);
      for (var thread : names.entrySet()) {
        metadata(json, "thread_name", rank, thread.getKey(), thread.getValue());
      }
      for (var thread : byThread.entrySet()) {
        for (Span span : nested(thread.getValue())) {
          write(json, span, rank, thread.getKey());
        }
      }
      json.writeEndArray();
      json.writeEndObject();
    }
  }

  private static String name(RecordedThread thread, long id) {
    return thread == null || thread.getJavaName() == null || thread.getJavaName().isBlank()
        ? "thread " + id
        : thread.getJavaName();
  }

  private static List<Span> spans(RecordedEvent event, Instant first) {
    String kind = event.getEventType().getName().substring(PREFIX.length());
    long begin = Duration.between(first, event.getStartTime()).toNanos();
    long end = begin + event.getDuration().toNanos();
    return switch (kind) {
      case "Phase" -> List.of(new Span("phase", event.getString("name"), begin, end, Map.of()));
      case "Step" -> {
        int step = event.getInt("step");
        yield List.of(
            new Span(
                "step",
                "step " + step,
                begin,
                end,
                Map.of("step", step, "timestep", event.getDouble("timestep"))));
      }
      case "Block" ->
          List.of(
              new Span(
                  "block",
                  event.getString("list") + "." + event.getInt("block"),
                  begin,
                  end,
                  Map.of("block", event.getInt("block"))));
      case "Transfer" ->
          List.of(
              new Span(
                  "transfer",
                  event.getString("name"),
                  begin,
                  end,
                  Map.of("bytes", event.getLong("bytes"))));
      case "Forward" -> forward(event, begin, end);
      default -> kernel(event, begin, end);
    };
  }

  /** A kernel, and inside it what it says that its parts took. */
  private static List<Span> kernel(RecordedEvent event, long begin, long end) {
    Map<String, Double> parts = new LinkedHashMap<>();
    for (String part : List.of("prepare", "transfer", "kernel")) {
      parts.put(part, event.getDouble(part + "Millis"));
    }
    Map<String, Object> arguments = new TreeMap<>();
    parts.forEach((part, millis) -> arguments.put(part + "Millis", millis));
    arguments.put("device", event.getString("device"));
    return withParts(
        new Span("kernel", event.getString("kernel"), begin, end, arguments),
        parts,
        part -> part.equals("kernel") ? "device" : part);
  }

  /** A forward pass on a device, and inside it its kinds of work. */
  private static List<Span> forward(RecordedEvent event, long begin, long end) {
    Map<String, Double> parts = new LinkedHashMap<>();
    ForwardEvent.parts(event).forEach((kind, millis) -> parts.put(kind.label(), millis));
    Map<String, Object> arguments = new TreeMap<>(parts);
    arguments.put("device", event.getString("device"));
    return withParts(
        new Span("forward", event.getString("kernels"), begin, end, arguments),
        parts,
        part -> "work");
  }

  /** Parts are laid one after the other, since only their length is known. */
  private static List<Span> withParts(
      Span outer, Map<String, Double> millis, UnaryOperator<String> category) {
    List<Span> spans = new ArrayList<>(List.of(outer));
    long at = outer.begin();
    for (var part : millis.entrySet()) {
      long length = (long) (part.getValue() * NANOS_PER_MILLI);
      if (length > 0 && at < outer.end()) {
        spans.add(
            new Span(
                category.apply(part.getKey()),
                part.getKey(),
                at,
                Math.min(outer.end(), at + length),
                Map.of("measuredBy", outer.category())));
        at += length;
      }
    }
    return spans;
  }

  /** Outer spans first, none longer than the one around it: clocks round begin and length. */
  private static List<Span> nested(List<Span> spans) {
    List<Span> sorted = new ArrayList<>(spans);
    sorted.sort(
        Comparator.comparingLong(Span::begin)
            .thenComparing(Comparator.comparingLong(Span::end).reversed()));
    List<Span> nested = new ArrayList<>();
    List<Span> open = new ArrayList<>();
    for (Span span : sorted) {
      while (!open.isEmpty() && open.getLast().end() <= span.begin()) {
        open.removeLast();
      }
      long end = open.isEmpty() ? span.end() : Math.min(span.end(), open.getLast().end());
      Span fitted = new Span(span.category(), span.name(), span.begin(), end, span.arguments());
      open.add(fitted);
      nested.add(fitted);
    }
    return nested;
  }

  private static void metadata(JsonGenerator json, String what, int rank, long thread, String name)
      throws IOException {
    json.writeStartObject();
    json.writeStringField("ph", "M");
    json.writeStringField("name", what);
    json.writeNumberField("pid", rank);
    json.writeNumberField("tid", thread);
    json.writeNumberField("ts", 0);
    json.writeObjectFieldStart("args");
    json.writeStringField("name", name);
    json.writeEndObject();
    json.writeEndObject();
  }

  private static void write(JsonGenerator json, Span span, int rank, long thread)
      throws IOException {
    json.writeStartObject();
    json.writeStringField("ph", "X");
    json.writeStringField("name", span.name());
    json.writeStringField("cat", span.category());
    json.writeNumberField("ts", span.begin() / NANOS_PER_MICRO);
    json.writeNumberField("dur", (span.end() - span.begin()) / NANOS_PER_MICRO);
    json.writeNumberField("pid", rank);
    json.writeNumberField("tid", thread);
    json.writePOJOField("args", span.arguments());
    json.writeEndObject();
  }
}
