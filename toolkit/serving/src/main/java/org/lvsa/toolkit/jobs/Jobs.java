// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.jobs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The jobs of a server: submitted, kept, made one after the other, removed when they expire.
 *
 * <p>A server opens them once and stops them at its end. The janitor, a thread of its own, removes
 * what has expired every few seconds.
 */
public final class Jobs implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger("org.lvsa.serving");
  private static final Duration CLEANING = Duration.ofSeconds(5);

  private final StorageFolder folder;
  private final JobStore store;
  private final JobRunner runner;
  private final StoredVideo.Keeping keeping;
  private final LongSupplier clock;
  private final Map<String, Ticket> tickets = new ConcurrentHashMap<>();
  private final ScheduledExecutorService janitor =
      Executors.newSingleThreadScheduledExecutor(
          Thread.ofPlatform().daemon().name("janitor").factory());

  /**
   * How jobs are kept.
   *
   * @param folder the server's own
   * @param expiry after which a job that ended is removed with its file; zero for never
   * @param quota bytes that all videos may have; 0 for as many as the disk has
   * @param restartRunning whether a job that ran when a server ended runs again
   */
  public record Settings(Path folder, Duration expiry, long quota, boolean restartRunning) {}

  private Jobs(
      StorageFolder folder,
      JobStore store,
      JobRunner runner,
      StoredVideo.Keeping keeping,
      LongSupplier clock) {
    this.folder = folder;
    this.store = store;
    this.runner = runner;
    this.keeping = keeping;
    this.clock = clock;
  }

  /**
   * Opens the jobs of a folder, and goes on with those that wait.
   *
   * @param maker stays the caller's to close
   * @param clock seconds since 1970
   */
  public static Jobs open(
      Settings settings,
      VideoMaker maker,
      JobRunner.Limits limits,
      JobListener listener,
      LongSupplier clock)
      throws IOException {
    StoredVideo.Keeping keeping =
        new StoredVideo.Keeping(settings.expiry(), settings.quota(), settings.restartRunning());
    StorageFolder folder = StorageFolder.open(settings.folder());
    JobStore store;
    try {
      store = JobStore.open(folder, keeping, clock.getAsLong());
    } catch (IOException | RuntimeException e) {
      folder.close();
      throw e;
    }
    Jobs jobs = new Jobs(folder, store, new JobRunner(maker, limits, listener), keeping, clock);
    for (Job job : store.unfinished()) {
      jobs.tickets.put(job.id(), jobs.runner.resubmit(jobs.work(job)));
    }
    jobs.janitor.scheduleWithFixedDelay(
        jobs::clean, CLEANING.toMillis(), CLEANING.toMillis(), TimeUnit.MILLISECONDS);
    return jobs;
  }

  private StoredVideo work(Job job) {
    return new StoredVideo(job, store, folder, keeping, clock);
  }

  private void clean() {
    try {
      store.clean(clock.getAsLong());
      tickets.values().removeIf(Ticket::isEnded);
    } catch (RuntimeException e) {
      LOG.error("removing expired jobs failed", e);
    }
  }

  /** The jobs that there are. */
  public JobStore store() {
    return store;
  }

  /** The queue. */
  public JobRunner runner() {
    return runner;
  }

  /** The files. */
  public StorageFolder folder() {
    return folder;
  }

  /** Whether the videos have all the bytes that they may have. */
  public boolean isFull() {
    return keeping.quota() > 0 && store.bytes() >= keeping.quota();
  }

  /**
   * Keeps and queues a job.
   *
   * @param request what is made
   * @param pictures PNGs that came with it
   * @param notes what of the request was changed or ignored
   * @throws QueueFullException if as many wait as may; nothing is kept then
   * @throws IOException if it cannot be written to disk; nothing is kept then
   */
  public Job submit(VideoRequest request, Map<PictureRole, byte[]> pictures, List<String> notes)
      throws QueueFullException, IOException {
    runner.requirePlace();
    String id = Job.newId();
    Job job =
        new Job(
            id,
            store.nextNumber(),
            JobStatus.QUEUED,
            request,
            pictures.keySet(),
            notes,
            0,
            Job.Times.created(clock.getAsLong()),
            null,
            null,
            0);
    try {
      for (Map.Entry<PictureRole, byte[]> picture : pictures.entrySet()) {
        Files.write(folder.picture(id, picture.getKey()), picture.getValue());
      }
      store.add(job);
      tickets.put(id, runner.submit(work(job)));
      return job;
    } catch (IOException | QueueFullException | RuntimeException e) {
      if (!store.remove(id, same -> true)) {
        folder.removePictures(id);
      }
      throw e;
    }
  }

  /** What a job's end can be waited for with; empty if it has ended long ago. */
  public Optional<Ticket> ticket(String id) {
    return Optional.ofNullable(tickets.get(id));
  }

  /** What became of a deletion. */
  public enum Deletion {
    /** There is no such job any more. */
    DONE,
    /** There was none. */
    UNKNOWN,
    /** It is cancelled, and its step still runs. */
    PENDING
  }

  /** Cancels a job if it has not ended, and removes it and its files. */
  public Deletion delete(String id) throws InterruptedException {
    if (store.find(id).isEmpty()) {
      return Deletion.UNKNOWN;
    }
    Ticket ticket = tickets.get(id);
    if (ticket != null
        && !ticket.isEnded()
        && !runner.cancel(ticket, new JobError(JobError.CANCELLED, "the job was cancelled"))) {
      return Deletion.PENDING;
    }
    tickets.remove(id);
    return store.remove(id, same -> true) ? Deletion.DONE : Deletion.UNKNOWN;
  }

  /**
   * Ends: the running job within a grace time, those that wait at the next start.
   *
   * @param grace after which the running job is cancelled
   */
  public void stop(Duration grace) throws InterruptedException {
    runner.stop(grace);
    janitor.shutdown();
    long waiting = store.unfinished().size();
    if (waiting > 0) {
      LOG.info("{} jobs stay queued for the next start", waiting);
    }
  }

  @Override
  public void close() throws IOException {
    try {
      runner.stop(Duration.ZERO);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    janitor.shutdownNow();
    store.close();
    folder.close();
  }
}
