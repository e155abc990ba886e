// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import io.javalin.http.Context;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeoutException;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.jobs.Job;
import org.lvsa.toolkit.jobs.JobError;
import org.lvsa.toolkit.jobs.JobStatus;
import org.lvsa.toolkit.jobs.JobStore;
import org.lvsa.toolkit.jobs.Jobs;
import org.lvsa.toolkit.jobs.QueueFullException;
import org.lvsa.toolkit.jobs.Ticket;
import org.lvsa.toolkit.jobs.VideoMaker;

/** {@code /v1/videos} and what is below it. */
final class VideoRoutes {
  private static final int MOST_LISTED = 100;

  private final Jobs jobs;
  private final VideoMaker maker;
  private final Incoming incoming;
  private final Wishes wishes;
  private final Duration syncTimeout;

  /**
   * @param syncTimeout how long a synchronous request waits for its video
   */
  VideoRoutes(Jobs jobs, VideoMaker maker, Incoming incoming, Wishes wishes, Duration syncTimeout) {
    this.jobs = jobs;
    this.maker = maker;
    this.incoming = incoming;
    this.wishes = wishes;
    this.syncTimeout = syncTimeout;
  }

  /** Submits a video. */
  void create(Context context) {
    Answers.json(context, VideoJson.video(submit(context), maker.model()));
  }

  private Job submit(Context context) {
    requireRoom(context);
    Incoming.Body body = incoming.read(context, Field.Use.VIDEO);
    VideoWish wish = wishes.video(body.fields(), body.pictures());
    try {
      return jobs.submit(wish.request(), body.pictures(), wish.notes());
    } catch (QueueFullException e) {
      throw full(context, e);
    } catch (IOException e) {
      throw new ApiException(Fault.STORAGE_FULL, Messages.reason(e));
    }
  }

  /** Refuses a request before its body is read where it could not be queued. */
  private void requireRoom(Context context) {
    requireRoom(context, jobs);
    if (jobs.isFull()) {
      throw new ApiException(
          Fault.STORAGE_FULL, "the videos have all the space that they may have: delete some");
    }
  }

  /** Refuses a request where the queue has no place. */
  static void requireRoom(Context context, Jobs jobs) {
    if (jobs.runner().isStopped()) {
      throw new ApiException(Fault.STOPPING, "the server stops");
    }
    try {
      jobs.runner().requirePlace();
    } catch (QueueFullException e) {
      throw full(context, e);
    }
  }

  static ApiException full(Context context, QueueFullException e) {
    context.header("Retry-After", Integer.toString(e.retrySeconds()));
    return new ApiException(Fault.QUEUE_FULL, e.getMessage());
  }

  /** Makes a video while the client waits. */
  void createSync(Context context) throws IOException, InterruptedException {
    Job job = submit(context);
    context.header("X-Request-Id", job.id());
    context.header("X-Model", maker.model());
    Optional<JobError> error = Optional.empty();
    Optional<Ticket> ticket = jobs.ticket(job.id());
    try {
      if (ticket.isPresent()) {
        error = ticket.get().await(syncTimeout);
      }
    } catch (TimeoutException e) {
      jobs.runner()
          .cancel(
              ticket.get(),
              new JobError(
                  JobError.TIMED_OUT,
                  "the synchronous request waited " + syncTimeout.toSeconds() + " s"));
      throw new ApiException(
          Fault.SYNC_TIMEOUT,
          "Video generation timed out after " + syncTimeout.toSeconds() + " seconds.");
    }
    if (error.isPresent()) {
      throw new ApiException(
          Fault.SYNC_FAILED, "Video generation failed: " + error.get().message());
    }
    Job made = find(job.id());
    Double seconds = made.times().inferenceSeconds();
    if (seconds != null) {
      context.header("X-Inference-Time-S", String.format(Locale.ROOT, "%.3f", seconds));
    }
    send(context, made, true);
  }

  /** Lists videos. */
  void list(Context context) {
    for (String name : context.queryParamMap().keySet()) {
      if (!Set.of("after", "limit", "order").contains(name)) {
        throw new ApiException(
            Fault.UNKNOWN_FIELD,
            Messages.unknown("parameter", name, List.of("after", "limit", "order")),
            Messages.cut(name));
      }
    }
    JobStore.Page page =
        jobs.store()
            .page(
                Optional.ofNullable(context.queryParam("after")),
                limit(Optional.ofNullable(context.queryParam("limit"))),
                isAscending(Optional.ofNullable(context.queryParam("order")).orElse("desc")));
    Answers.json(context, VideoJson.list(page.jobs(), page.hasMore(), maker.model()));
  }

  private static int limit(Optional<String> text) {
    if (text.isEmpty()) {
      return Integer.MAX_VALUE;
    }
    if (!text.get().matches("\\d{1,9}") || Integer.parseInt(text.get()) > MOST_LISTED) {
      throw new ApiException(
          Fault.INVALID_VALUE,
          "limit must be a whole number from 0 to "
              + MOST_LISTED
              + ", got "
              + Messages.cut(text.get()),
          "limit");
    }
    return Integer.parseInt(text.get());
  }

  private static boolean isAscending(String order) {
    return switch (order) {
      case "asc" -> true;
      case "desc" -> false;
      default ->
          throw new ApiException(
              Fault.INVALID_VALUE,
              "order must be asc or desc, got " + Messages.cut(order),
              "order");
    };
  }

  private Job find(String id) {
    return jobs.store()
        .find(id)
        .orElseThrow(() -> new ApiException(Fault.NOT_FOUND, "Video not found"));
  }

  /** One video's state. */
  void retrieve(Context context) {
    Answers.json(context, VideoJson.video(find(context.pathParam("id")), maker.model()));
  }

  /** One video's file. */
  void content(Context context) throws IOException {
    content(context, true);
  }

  /** What the file would be. */
  void contentHead(Context context) throws IOException {
    content(context, false);
  }

  private void content(Context context, boolean withContent) throws IOException {
    String variant = Optional.ofNullable(context.queryParam("variant")).orElse("video");
    if (!variant.equals("video")) {
      throw new ApiException(
          Fault.INVALID_VALUE, "variant must be video, got " + Messages.cut(variant), "variant");
    }
    Job job = find(context.pathParam("id"));
    if (job.status() == JobStatus.FAILED) {
      JobError error = job.error();
      throw new ApiException(
          Fault.GENERATION_FAILED,
          "Video generation failed. Check job status for error details."
              + (error == null ? "" : " " + error.code() + ": " + error.message()));
    }
    if (job.status() != JobStatus.COMPLETED) {
      throw new ApiException(Fault.NOT_READY, "Generation is still in-progress");
    }
    send(context, job, withContent);
  }

  private void send(Context context, Job job, boolean withContent) throws IOException {
    try {
      FileAnswer.send(
          context, jobs.folder().video(job), job.id() + ".mp4", "video/mp4", withContent);
    } catch (NoSuchFileException e) {
      throw new ApiException(Fault.NOT_FOUND, "the video's file is not there any more");
    }
  }

  /** Cancels and removes a video. */
  void delete(Context context) throws InterruptedException {
    String id = context.pathParam("id");
    switch (jobs.delete(id)) {
      case DONE -> Answers.json(context, VideoJson.deleted(id));
      case UNKNOWN -> throw new ApiException(Fault.NOT_FOUND, "Video not found");
      case PENDING ->
          throw new ApiException(
              Fault.CANCELLATION_PENDING, "Cancellation in progress. Please try again later.");
    }
  }
}
