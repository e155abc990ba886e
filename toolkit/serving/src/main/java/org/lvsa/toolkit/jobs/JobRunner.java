// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.jobs;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.profile.PhaseEvent;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes one thing after the other on one device, in the order of submission, from a queue with a
 * bound. Everything else happens on other threads.
 */
public final class JobRunner {
  private static final Logger LOG = LoggerFactory.getLogger("org.lvsa.serving");

  /** How long cancelling waits for the step that runs. */
  private static final Duration CANCEL = Duration.ofSeconds(2);

  /** Per cent of the progress at which denoising ends, and decoding. */
  private static final int DENOISED = 90;

  private static final int DECODED = 99;

  /** How much of the mean of earlier jobs' seconds a further one leaves. */
  private static final double MEMORY = 0.7;

  private static final int LONGEST_RETRY = 600;

  private final VideoMaker maker;
  private final Limits limits;
  private final JobListener listener;
  private final ArrayDeque<Ticket> queue = new ArrayDeque<>();
  private final Thread thread;
  private @Nullable Ticket running;
  private boolean isStopped;
  private double meanSeconds = 10;

  /**
   * Bounds of a runner.
   *
   * @param places jobs that may wait
   * @param longest a job runs, measured at its steps; zero for as long as it takes
   */
  public record Limits(int places, Duration longest) {
    /** At least one place. */
    public Limits {
      if (places < 1) {
        throw new IllegalArgumentException("the queue needs at least 1 place, got " + places);
      }
      if (longest.isNegative()) {
        throw new IllegalArgumentException("a job's time must not be negative, got " + longest);
      }
    }
  }

  /**
   * A runner that begins at once.
   *
   * @param maker stays the caller's to close, after {@link #stop}
   */
  public JobRunner(VideoMaker maker, Limits limits, JobListener listener) {
    this.maker = maker;
    this.limits = limits;
    this.listener = listener;
    thread = Thread.ofPlatform().daemon().name("video maker").start(this::run);
  }

  /**
   * Queues work.
   *
   * @throws QueueFullException if as many wait as may
   */
  public Ticket submit(Work work) throws QueueFullException {
    return queue(work, limits.places());
  }

  /** Queues work of an earlier server, for which there always is a place. */
  public Ticket resubmit(Work work) {
    try {
      return queue(work, Integer.MAX_VALUE);
    } catch (QueueFullException e) {
      throw new IllegalStateException(e);
    }
  }

  private synchronized Ticket queue(Work work, int places) throws QueueFullException {
    if (queue.size() >= places) {
      throw new QueueFullException(places, retrySeconds());
    }
    if (isStopped) {
      throw new JobStopped(stopped());
    }
    Ticket ticket = new Ticket(work);
    queue.add(ticket);
    notifyAll();
    return ticket;
  }

  /**
   * Judges whether there is a place, before a request is read.
   *
   * @throws QueueFullException if there is none
   */
  public synchronized void requirePlace() throws QueueFullException {
    if (queue.size() >= limits.places()) {
      throw new QueueFullException(limits.places(), retrySeconds());
    }
  }

  private int retrySeconds() {
    return Math.clamp(Math.round(meanSeconds), 1, LONGEST_RETRY);
  }

  /** Jobs that wait. */
  public synchronized int waiting() {
    return queue.size();
  }

  /** Jobs that run: 0 or 1. */
  public synchronized int running() {
    return running == null ? 0 : 1;
  }

  /** Whether it makes no more. */
  public synchronized boolean isStopped() {
    return isStopped;
  }

  /**
   * Ends work. What waits ends at once, what runs at its next step.
   *
   * @return whether it has ended; else it will, later
   */
  public boolean cancel(Ticket ticket, JobError why) throws InterruptedException {
    boolean waited;
    synchronized (this) {
      waited = queue.remove(ticket);
    }
    if (waited) {
      end(ticket, Optional.of(why));
      return true;
    }
    ticket.stop(why);
    return awaits(ticket, CANCEL);
  }

  private static boolean awaits(Ticket ticket, Duration patience) throws InterruptedException {
    try {
      ticket.await(patience);
      return true;
    } catch (TimeoutException e) {
      return false;
    }
  }

  /**
   * Takes no more work, and waits for what runs; what waits is left as it is.
   *
   * @param grace after which what runs is cancelled
   */
  public void stop(Duration grace) throws InterruptedException {
    Ticket last;
    List<Ticket> left;
    synchronized (this) {
      isStopped = true;
      last = running;
      left = List.copyOf(queue);
      queue.clear();
      notifyAll();
    }
    // Whoever waits for one of these is told; the work itself is not, since it is still to be made.
    left.forEach(ticket -> ticket.end(Optional.of(stopped())));
    if (last != null && !awaits(last, grace)) {
      LOG.warn("the running job has not ended within {} s and is cancelled", grace.toSeconds());
      if (!cancel(last, stopped())) {
        LOG.warn("the running job does not come to its next step; it is left");
      }
    }
  }

  private static JobError stopped() {
    return new JobError(JobError.SERVER_STOPPED, "the server stopped");
  }

  private void run() {
    for (Ticket ticket = next(); ticket != null; ticket = next()) {
      Optional<JobError> error = make(ticket);
      synchronized (this) {
        running = null;
      }
      ticket.end(error);
    }
  }

  private synchronized @Nullable Ticket next() {
    while (queue.isEmpty() && !isStopped) {
      try {
        wait();
      } catch (InterruptedException e) {
        return null;
      }
    }
    running = isStopped ? null : queue.poll();
    return running;
  }

  private void end(Ticket ticket, Optional<JobError> error) {
    error.ifPresent(
        why -> {
          listener.failed(why);
          ticket.work().failed(why);
        });
    ticket.end(error);
  }

  private Optional<JobError> make(Ticket ticket) {
    Work work = ticket.work();
    long begun = System.nanoTime();
    try {
      work.started();
      VideoMaker.Made made = recorded(work, new Steps(ticket, begun, System.nanoTime()));
      double seconds = (System.nanoTime() - begun) / 1e9;
      // Counted first: whoever sees the job completed finds it counted.
      listener.made(made, seconds);
      work.made(made, seconds);
      synchronized (this) {
        meanSeconds = MEMORY * meanSeconds + (1 - MEMORY) * seconds;
      }
      return Optional.empty();
    } catch (Exception | Error e) {
      JobError error = e instanceof JobStopped stopped ? stopped.error() : JobError.of(e);
      if (!(e instanceof JobStopped)) {
        LOG.error("a job failed: {}", Messages.oneLine(String.valueOf(e)));
        LOG.debug("a job failed", e);
      }
      listener.failed(error);
      work.failed(error);
      return Optional.of(error);
    }
  }

  /** Makes it; a profile has a span for it, named by its file without the ending. */
  private VideoMaker.Made recorded(Work work, Steps steps) throws Exception {
    String name = String.valueOf(work.file().getFileName()).replaceFirst("\\.[^.]*$", "");
    try (PhaseEvent _ = PhaseEvent.begin("request " + name)) {
      return maker.make(work.request(), work.pictures(), work.file(), steps);
    }
  }

  /** Turns steps into per cents, and ends the work where that is asked for. */
  private final class Steps implements VideoMaker.Progress {
    private final Ticket ticket;
    private final long begun;
    private long lastStep;

    Steps(Ticket ticket, long begun, long lastStep) {
      this.ticket = ticket;
      this.begun = begun;
      this.lastStep = lastStep;
    }

    @Override
    public void report(VideoMaker.Stage stage, int done, int all) {
      long now = System.nanoTime();
      if (stage == VideoMaker.Stage.DENOISING) {
        if (done > 0) {
          listener.step((now - lastStep) / 1e9);
        }
        lastStep = now;
      }
      if (!limits.longest().isZero() && now - begun > limits.longest().toNanos()) {
        ticket.stop(
            new JobError(
                JobError.TIMED_OUT,
                "the job took longer than " + limits.longest().toSeconds() + " s"));
      }
      ticket.check();
      ticket
          .work()
          .progress(
              switch (stage) {
                case ENCODING -> 0;
                case DENOISING -> DENOISED * done / all;
                case DECODING -> DENOISED + (DECODED - DENOISED) * done / all;
              });
    }
  }
}
