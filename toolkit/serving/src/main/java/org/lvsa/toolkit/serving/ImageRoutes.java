// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.javalin.http.Context;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.jobs.Job;
import org.lvsa.toolkit.jobs.JobError;
import org.lvsa.toolkit.jobs.Jobs;
import org.lvsa.toolkit.jobs.PictureRole;
import org.lvsa.toolkit.jobs.QueueFullException;
import org.lvsa.toolkit.jobs.Ticket;
import org.lvsa.toolkit.jobs.VideoMaker;
import org.lvsa.toolkit.jobs.VideoRequest;
import org.lvsa.toolkit.jobs.Work;

/** {@code /v1/images/generations}: one frame of a video, as a picture. */
final class ImageRoutes {
  private final Jobs jobs;
  private final Incoming incoming;
  private final Wishes wishes;
  private final Duration timeout;

  /**
   * @param timeout how long a request waits for its pictures
   */
  ImageRoutes(Jobs jobs, Incoming incoming, Wishes wishes, Duration timeout) {
    this.jobs = jobs;
    this.incoming = incoming;
    this.wishes = wishes;
    this.timeout = timeout;
  }

  /** Makes pictures while the client waits: they differ in their seeds, which follow each other. */
  void generate(Context context) throws IOException, InterruptedException {
    VideoRoutes.requireRoom(context, jobs);
    RequestFields fields = incoming.read(context, Field.Use.IMAGE).fields();
    String format = fields.text(Field.RESPONSE_FORMAT).orElse("b64_json");
    if (!format.equals("b64_json")) {
      throw new ApiException(
          Fault.INVALID_VALUE,
          "response_format must be b64_json, got " + Messages.cut(format),
          Field.RESPONSE_FORMAT.toString());
    }
    VideoWish wish = wishes.picture(fields);
    int pictures = (int) fields.integer(Field.N).orElse(1);
    long end = System.nanoTime() + timeout.toNanos();
    ArrayNode data = Json.array();
    Picture last = null;
    for (int i = 0; i < pictures; i++) {
      last = new Picture(wish.request().withSeed(wish.request().sampling().seed() + i));
      byte[] png = made(context, last, i == 0, end);
      data.addObject()
          .put("b64_json", Base64.getEncoder().encodeToString(png))
          .putNull("url")
          .putNull("revised_prompt");
    }
    ObjectNode body = Json.object().put("created", System.currentTimeMillis() / 1000);
    body.set("data", data);
    body.put("output_format", "png")
        .put("size", wish.request().size().toString())
        .put("seed", wish.request().sampling().seed());
    body.set("lvsa", VideoJson.lvsa(wish.request(), last == null ? null : last.made));
    ArrayNode notes = body.putArray("notes");
    wish.notes().forEach(notes::add);
    Answers.json(context, body);
  }

  /** A picture that follows another one of the same request always has a place in the queue. */
  private byte[] made(Context context, Picture picture, boolean first, long end)
      throws IOException, InterruptedException {
    try {
      Ticket ticket = first ? jobs.runner().submit(picture) : jobs.runner().resubmit(picture);
      Optional<JobError> error;
      try {
        error = ticket.await(Duration.ofNanos(Math.max(0, end - System.nanoTime())));
      } catch (TimeoutException e) {
        jobs.runner()
            .cancel(ticket, new JobError(JobError.TIMED_OUT, "the client waits no longer"));
        throw new ApiException(
            Fault.SYNC_TIMEOUT,
            "Image generation timed out after " + timeout.toSeconds() + " seconds.");
      }
      if (error.isPresent()) {
        throw new ApiException(
            Fault.SYNC_FAILED, "Image generation failed: " + error.get().message());
      }
      return Files.readAllBytes(picture.file());
    } catch (QueueFullException e) {
      throw VideoRoutes.full(context, e);
    } finally {
      Files.deleteIfExists(picture.file());
    }
  }

  /** One picture while it waits and runs. */
  private final class Picture implements Work {
    private final VideoRequest request;
    private final Path file = jobs.folder().uploads().resolve(Job.newId() + ".png");
    private VideoMaker.@Nullable Made made;

    Picture(VideoRequest request) {
      this.request = request;
    }

    @Override
    public VideoRequest request() {
      return request;
    }

    @Override
    public Map<PictureRole, Path> pictures() {
      return Map.of();
    }

    @Override
    public Path file() {
      return file;
    }

    @Override
    public void started() {}

    @Override
    public void progress(int percent) {}

    @Override
    public void made(VideoMaker.Made what, double seconds) {
      made = what;
    }

    @Override
    public void failed(JobError error) {}
  }
}
