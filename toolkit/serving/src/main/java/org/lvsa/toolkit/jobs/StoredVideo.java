// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.jobs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.lvsa.toolkit.io.Messages;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A job of the store while it waits and runs: its state and its file are kept there. */
final class StoredVideo implements Work {
  private static final Logger LOG = LoggerFactory.getLogger("org.lvsa.serving");

  private final Job job;
  private final JobStore store;
  private final StorageFolder folder;
  private final Keeping keeping;
  private final LongSupplier clock;

  /**
   * How long and how much is kept.
   *
   * @param expiry after which a job that ended is removed with its file; zero for never
   * @param quota bytes that all videos may have; 0 for as many as the disk has
   * @param restartRunning whether a job that the server's stop ended is queued again
   */
  record Keeping(Duration expiry, long quota, boolean restartRunning) {
    /** When what ends now is removed; null for never. */
    @Nullable Long expires(long now) {
      return expiry.isZero() ? null : now + expiry.toSeconds();
    }
  }

  StoredVideo(Job job, JobStore store, StorageFolder folder, Keeping keeping, LongSupplier clock) {
    this.job = job;
    this.store = store;
    this.folder = folder;
    this.keeping = keeping;
    this.clock = clock;
  }

  @Override
  public VideoRequest request() {
    return job.request();
  }

  @Override
  public Map<PictureRole, Path> pictures() {
    Map<PictureRole, Path> files = new EnumMap<>(PictureRole.class);
    job.pictures().forEach(role -> files.put(role, folder.picture(job.id(), role)));
    return files;
  }

  @Override
  public Path file() {
    return folder.video(job);
  }

  @Override
  public void started() {
    store.update(job.id(), waiting -> waiting.started(clock.getAsLong()));
  }

  @Override
  public void progress(int percent) {
    store.update(job.id(), running -> running.at(percent));
  }

  @Override
  public void made(VideoMaker.Made what, double seconds) throws IOException {
    long bytes = Files.size(file());
    if (keeping.quota() > 0 && store.bytes() + bytes > keeping.quota()) {
      throw new JobStopped(
          new JobError(
              JobError.QUOTA_EXCEEDED,
              "the videos would take "
                  + (store.bytes() + bytes)
                  + " bytes, "
                  + keeping.quota()
                  + " are allowed: delete some"));
    }
    long now = clock.getAsLong();
    boolean isKnown =
        store
            .update(
                job.id(),
                running ->
                    running.completed(
                        what, bytes, running.times().completed(now, keeping.expires(now), seconds)))
            .isPresent();
    if (!isKnown) {
      Files.deleteIfExists(file());
    }
  }

  @Override
  public void failed(JobError error) {
    try {
      Files.deleteIfExists(file());
    } catch (IOException e) {
      LOG.error("the file of job {} is not removed: {}", job.id(), Messages.reason(e));
    }
    boolean again = keeping.restartRunning() && error.code().equals(JobError.SERVER_STOPPED);
    long now = clock.getAsLong();
    store.update(
        job.id(),
        running ->
            again
                ? running.queued()
                : running.failed(
                    error, running.times().completed(now, keeping.expires(now), null)));
  }
}
