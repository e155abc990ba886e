// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.lvsa.toolkit.config.Setting;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.jobs.Job;
import org.lvsa.toolkit.jobs.JobError;
import org.lvsa.toolkit.jobs.JobStatus;
import org.lvsa.toolkit.jobs.VideoMaker;
import org.lvsa.toolkit.jobs.VideoRequest;

/** Jobs as the API's objects: OpenAI's names, and this toolkit's own beside them. */
final class VideoJson {
  private VideoJson() {}

  /** An object {@code video}. */
  static ObjectNode video(Job job, String model) {
    VideoRequest request = job.request();
    ObjectNode json =
        Json.object()
            .put("id", job.id())
            .put("object", "video")
            .put("model", model)
            .put("prompt", request.prompt())
            .put("status", job.status().toString())
            .put("progress", job.progress())
            .put("created_at", job.times().created())
            .put("completed_at", job.times().completed())
            .put("expires_at", job.times().expires())
            .put("size", request.size().toString())
            .put("seconds", seconds(request))
            .put("quality", "default")
            .putNull("remixed_from_video_id");
    json.set("error", error(job.error()));
    json.put("media_type", "video/mp4")
        .put("file_name", job.status() == JobStatus.COMPLETED ? job.id() + ".mp4" : null)
        .put("inference_time_s", job.times().inferenceSeconds());
    json.set("stage_durations", stages(job.made()));
    sampling(json, request);
    json.set("lvsa", lvsa(request, job.made()));
    ArrayNode notes = json.putArray("notes");
    job.notes().forEach(notes::add);
    return json;
  }

  private static void sampling(ObjectNode json, VideoRequest request) {
    VideoRequest.Sampling sampling = request.sampling();
    json.put("negative_prompt", request.negativePrompt())
        .put("num_frames", request.frames())
        .put("fps", request.fps())
        .put("num_inference_steps", sampling.steps())
        .put("guidance_scale", sampling.guidanceScale())
        .put("guidance_scale_2", sampling.guidanceScale2())
        .put("boundary_ratio", sampling.boundaryRatio())
        .put("flow_shift", sampling.flowShift())
        .put("seed", sampling.seed());
  }

  /** The video's real length, without zeros at its end: {@code "5.0625"}, {@code "4"}. */
  private static String seconds(VideoRequest request) {
    BigDecimal seconds =
        BigDecimal.valueOf(request.frames() / request.fps()).setScale(4, RoundingMode.HALF_UP);
    return seconds.stripTrailingZeros().toPlainString();
  }

  private static @Nullable ObjectNode error(@Nullable JobError error) {
    return error == null
        ? null
        : Json.object().put("code", error.code()).put("message", error.message());
  }

  private static @Nullable ObjectNode stages(VideoMaker.@Nullable Made made) {
    if (made == null) {
      return null;
    }
    ObjectNode stages = Json.object();
    made.stageSeconds().forEach(stages::put);
    return stages;
  }

  /** What of the attention was asked for, and once it is known what ran. */
  static ObjectNode lvsa(VideoRequest request, VideoMaker.@Nullable Made made) {
    ObjectNode lvsa = Json.object();
    ObjectNode asked = lvsa.putObject("requested");
    for (Map.Entry<String, String> entry : request.lvsa().entrySet()) {
      Setting<?> setting = Setting.named(entry.getKey());
      if (setting == Setting.DIFFUSION_ATTENTION_BACKEND) {
        asked.put("attention", entry.getValue().equals("LVSA") ? "lvsa" : "dense");
      } else if (setting != Setting.LVSA_STRICT) {
        put(asked, setting, entry.getValue());
      }
    }
    lvsa.put("strict", request.strict());
    if (made != null) {
      lvsa.put("attention", made.attention())
          .put("density", made.density())
          .put("kernel", made.kernel())
          .put("device", made.device());
      ArrayNode fallbacks = lvsa.putArray("fallbacks");
      made.fallbacks().forEach(fallbacks::add);
    }
    return lvsa;
  }

  private static void put(ObjectNode asked, Setting<?> setting, String value) {
    if (LvsaFields.FLAGS.contains(setting)) {
      asked.put(setting.field(), value.equals("1"));
    } else {
      asked.put(setting.field(), new BigDecimal(value));
    }
  }

  /** An object {@code list}. */
  static ObjectNode list(List<Job> jobs, boolean hasMore, String model) {
    ObjectNode json = Json.object().put("object", "list");
    ArrayNode data = json.putArray("data");
    jobs.forEach(job -> data.add(video(job, model)));
    return json.put("first_id", jobs.isEmpty() ? null : jobs.getFirst().id())
        .put("last_id", jobs.isEmpty() ? null : jobs.getLast().id())
        .put("has_more", hasMore);
  }

  /** What is left of a video that was removed. */
  static ObjectNode deleted(String id) {
    return Json.object().put("id", id).put("deleted", true).put("object", "video.deleted");
  }
}
