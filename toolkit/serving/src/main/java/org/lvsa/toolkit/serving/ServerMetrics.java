// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Duration;
import java.util.function.Supplier;
import org.lvsa.toolkit.jobs.JobError;
import org.lvsa.toolkit.jobs.JobListener;
import org.lvsa.toolkit.jobs.Jobs;
import org.lvsa.toolkit.jobs.VideoMaker;

/** Figures for Prometheus. {@code docs/serving.md} has their table. */
final class ServerMetrics implements JobListener {
  private static final String FAILURES = "lvsa_failures";

  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final Timer steps =
      Timer.builder("lvsa_step").description("denoising steps").register(registry);
  private final Timer generations =
      Timer.builder("lvsa_generation").description("whole generations").register(registry);
  private final Counter fallbacks =
      Counter.builder("lvsa_fallbacks")
          .description("lines about attention that ran otherwise than asked for")
          .register(registry);
  private volatile double density = Double.NaN;

  ServerMetrics() {
    Gauge.builder("lvsa_attention_density", () -> density)
        .description("share of the frame pairs that attended, of the last generation")
        .register(registry);
    // There from the first look on, so that a rate can be told from nothing.
    failures("generation_failed");
  }

  private Counter failures(String code) {
    return Counter.builder(FAILURES)
        .description("generations that failed, by error code")
        .tag("code", code)
        .register(registry);
  }

  /** Counts what waits and what is kept. */
  void watch(Jobs jobs) {
    gauge("lvsa_queue_length", "jobs that wait", () -> jobs.runner().waiting());
    gauge("lvsa_running", "jobs that run", () -> jobs.runner().running());
    gauge("lvsa_storage_bytes", "bytes of all videos", () -> jobs.store().bytes());
  }

  private void gauge(String name, String description, Supplier<Number> value) {
    Gauge.builder(name, value).description(description).register(registry);
  }

  @Override
  public void step(double seconds) {
    steps.record(duration(seconds));
  }

  @Override
  public void made(VideoMaker.Made what, double seconds) {
    generations.record(duration(seconds));
    density = what.density();
    fallbacks.increment(what.fallbacks().size());
  }

  @Override
  public void failed(JobError error) {
    failures(error.code()).increment();
  }

  /** An answer was sent. */
  void answered(String route, int status, double seconds) {
    Timer.builder("lvsa_http_requests")
        .description("answers, by route and status")
        .tag("route", route)
        .tag("status", Integer.toString(status))
        .register(registry)
        .record(duration(seconds));
  }

  private static Duration duration(double seconds) {
    return Duration.ofNanos(Math.round(seconds * 1e9));
  }

  /** All figures as Prometheus reads them. */
  String text() {
    return registry.scrape();
  }
}
