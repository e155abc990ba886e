// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.jobs;

import java.io.IOException;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import org.lvsa.toolkit.io.Messages;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * All jobs that there are. Reading asks memory alone, so that it never waits for the disk; each
 * change of a job's status is written to the database too. Progress is not: after a restart nothing
 * of a running job is left to be told.
 *
 * <p>Where the disk is full, the server goes on: a change that could not be written is kept and
 * written later.
 */
public final class JobStore implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger("org.lvsa.serving");

  private final StorageFolder folder;
  private final JobDatabase database;
  private final ConcurrentNavigableMap<Long, Job> byNumber = new ConcurrentSkipListMap<>();
  private final Map<String, Long> numbers = new ConcurrentHashMap<>();
  private final Set<Long> unsaved = new HashSet<>();
  private long lastNumber;

  private JobStore(StorageFolder folder, JobDatabase database) {
    this.folder = folder;
    this.database = database;
  }

  /**
   * Opens the jobs of a folder. One that ran when the last server ended has failed, or is queued
   * again.
   *
   * @param now seconds since 1970
   */
  static JobStore open(StorageFolder folder, StoredVideo.Keeping keeping, long now)
      throws IOException {
    JobDatabase database = JobDatabase.open(folder.database());
    try {
      JobStore store = new JobStore(folder, database);
      for (Job job : database.all()) {
        store.keep(job);
        store.lastNumber = job.number();
      }
      for (Job job : List.copyOf(store.byNumber.values())) {
        if (job.status() == JobStatus.IN_PROGRESS) {
          store.update(job.id(), running -> restarted(running, keeping, now));
        }
      }
      folder.removeUnknown(store.byNumber.values());
      return store;
    } catch (SQLException e) {
      throw new IOException(
          folder.database() + ": cannot be read: " + Messages.oneLine(e.getMessage()), e);
    }
  }

  private static Job restarted(Job job, StoredVideo.Keeping keeping, long now) {
    return keeping.restartRunning()
        ? job.queued()
        : job.failed(
            new JobError(JobError.SERVER_STOPPED, "the server ended while this video was made"),
            job.times().completed(now, keeping.expires(now), null));
  }

  private void keep(Job job) {
    byNumber.put(job.number(), job);
    numbers.put(job.id(), job.number());
  }

  /** A number for the next job. */
  public synchronized long nextNumber() {
    return ++lastNumber;
  }

  /**
   * Takes a new job.
   *
   * @throws IOException if it cannot be written; there is no such job then
   */
  public synchronized void add(Job job) throws IOException {
    try {
      database.put(job);
    } catch (SQLException e) {
      throw new IOException("the job cannot be kept: " + Messages.oneLine(e.getMessage()), e);
    }
    keep(job);
  }

  /**
   * Changes a job, if there still is one.
   *
   * @return the job after the change
   */
  public synchronized Optional<Job> update(String id, UnaryOperator<Job> change) {
    Optional<Job> before = find(id);
    if (before.isEmpty()) {
      return before;
    }
    Job after = change.apply(before.get());
    byNumber.put(after.number(), after);
    if (after.status() != before.get().status()) {
      save(after.number());
    }
    return Optional.of(after);
  }

  private void save(long number) {
    Job job = byNumber.get(number);
    try {
      if (job == null) {
        database.remove(number);
      } else {
        database.put(job);
      }
      unsaved.remove(number);
    } catch (SQLException e) {
      if (unsaved.add(number)) {
        LOG.error(
            "job {} is not written to disk, which is tried again: {}",
            job == null ? number : job.id(),
            Messages.oneLine(e.getMessage()));
      }
    }
  }

  /** Writes what could not be written before. */
  public synchronized void saveUnsaved() {
    List.copyOf(unsaved).forEach(this::save);
  }

  /** The job of that identifier. */
  public Optional<Job> find(String id) {
    Long number = numbers.get(id);
    return number == null ? Optional.empty() : Optional.ofNullable(byNumber.get(number));
  }

  /** Jobs that wait or run, in the order of submission. */
  public List<Job> unfinished() {
    return byNumber.values().stream().filter(job -> !job.status().isFinal()).toList();
  }

  /** Bytes of all videos. */
  public long bytes() {
    return byNumber.values().stream().mapToLong(Job::bytes).sum();
  }

  /**
   * A page of the list.
   *
   * @param jobs in the order that was asked for
   * @param hasMore whether others come after them
   */
  public record Page(List<Job> jobs, boolean hasMore) {}

  /**
   * Some of the jobs.
   *
   * @param after an identifier with which the page before ended; empty to begin. Where no job has
   *     it, the page is empty.
   * @param limit at most so many
   * @param ascending whether the oldest come first
   */
  public Page page(Optional<String> after, int limit, boolean ascending) {
    ConcurrentNavigableMap<Long, Job> ordered = ascending ? byNumber : byNumber.descendingMap();
    if (after.isPresent()) {
      Long number = numbers.get(after.get());
      if (number == null) {
        return new Page(List.of(), false);
      }
      ordered = ordered.tailMap(number, false);
    }
    List<Job> jobs = new ArrayList<>();
    for (Job job : ordered.values()) {
      if (jobs.size() == limit) {
        return new Page(jobs, true);
      }
      jobs.add(job);
    }
    return new Page(jobs, false);
  }

  /**
   * Removes a job and its files.
   *
   * @param condition that it must meet
   * @return whether it was there and met the condition
   */
  public synchronized boolean remove(String id, Predicate<Job> condition) {
    Optional<Job> job = find(id).filter(condition);
    if (job.isEmpty()) {
      return false;
    }
    try {
      folder.remove(job.get());
    } catch (IOException e) {
      LOG.error("the files of job {} are not removed: {}", id, Messages.reason(e));
    }
    byNumber.remove(job.get().number());
    numbers.remove(id);
    save(job.get().number());
    return true;
  }

  /** Removes what has expired, and writes what could not be written before. */
  public void clean(long now) {
    for (Job job : byNumber.values()) {
      Long expires = job.times().expires();
      if (expires != null && expires <= now && job.status().isFinal()) {
        remove(job.id(), same -> true);
      }
    }
    saveUnsaved();
  }

  /** For tests of a full disk. */
  JobDatabase database() {
    return database;
  }

  @Override
  public synchronized void close() throws IOException {
    try {
      saveUnsaved();
      database.close();
    } catch (SQLException e) {
      throw new IOException("the jobs' database: " + Messages.oneLine(e.getMessage()), e);
    }
  }
}
