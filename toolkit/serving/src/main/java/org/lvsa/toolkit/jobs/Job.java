// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.jobs;

import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A video that was asked for, as it stands at one moment.
 *
 * @param id {@code video_gen_} and 32 hexadecimal digits
 * @param number in the order of submission, from 1
 * @param status where it stands
 * @param request what is made
 * @param pictures that came with it
 * @param notes what of the request was changed or ignored, in words
 * @param progress per cent, 100 only of a completed one
 * @param times seconds since 1970
 * @param error of a failed one, else null
 * @param made of a completed one, else null
 * @param bytes of its file; 0 where there is none
 */
public record Job(
    String id,
    long number,
    JobStatus status,
    VideoRequest request,
    Set<PictureRole> pictures,
    List<String> notes,
    int progress,
    Times times,
    @Nullable JobError error,
    VideoMaker.@Nullable Made made,
    long bytes) {
  private static final String PREFIX = "video_gen_";
  private static final SecureRandom RANDOM = new SecureRandom();

  /**
   * When things happened to a job, in seconds since 1970.
   *
   * @param created when it was submitted
   * @param started null before it runs
   * @param completed null before it is completed or failed
   * @param expires when it and its file are removed; null for never, or before it is completed
   * @param inferenceSeconds that making it took; null before
   */
  public record Times(
      long created,
      @Nullable Long started,
      @Nullable Long completed,
      @Nullable Long expires,
      @Nullable Double inferenceSeconds) {
    /** Of a job that is submitted now. */
    static Times created(long now) {
      return new Times(now, null, null, null, null);
    }

    Times started(long now) {
      return new Times(created, now, null, null, null);
    }

    Times completed(long now, @Nullable Long expires, @Nullable Double seconds) {
      return new Times(created, started, now, expires, seconds);
    }
  }

  /** Pictures and notes are copied. */
  public Job {
    pictures = Set.copyOf(pictures);
    notes = List.copyOf(notes);
  }

  /** An identifier that nobody can guess. */
  public static String newId() {
    byte[] bytes = new byte[16];
    RANDOM.nextBytes(bytes);
    return PREFIX + HexFormat.of().formatHex(bytes);
  }

  /** Whether a text has the form of an identifier. */
  public static boolean isId(String text) {
    return text.matches(PREFIX + "[0-9a-f]{32}");
  }

  Job queued() {
    return with(JobStatus.QUEUED, 0, Times.created(times.created()), null, null, 0);
  }

  Job started(long now) {
    return with(JobStatus.IN_PROGRESS, 0, times.started(now), null, null, 0);
  }

  Job at(int percent) {
    return with(status, Math.max(progress, percent), times, error, made, bytes);
  }

  Job completed(VideoMaker.Made what, long size, Times when) {
    return with(JobStatus.COMPLETED, 100, when, null, what, size);
  }

  Job failed(JobError why, Times when) {
    return with(JobStatus.FAILED, progress, when, why, null, 0);
  }

  private Job with(
      JobStatus nextStatus,
      int nextProgress,
      Times nextTimes,
      @Nullable JobError nextError,
      VideoMaker.@Nullable Made nextMade,
      long nextBytes) {
    return new Job(
        id,
        number,
        nextStatus,
        request,
        pictures,
        notes,
        nextProgress,
        nextTimes,
        nextError,
        nextMade,
        nextBytes);
  }
}
