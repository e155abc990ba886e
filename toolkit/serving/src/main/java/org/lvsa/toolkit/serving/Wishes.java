// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.jobs.PictureRole;
import org.lvsa.toolkit.jobs.VideoMaker;
import org.lvsa.toolkit.jobs.VideoRequest;
import org.lvsa.toolkit.model.Resolution;

/**
 * Completes requests: what a client did not say comes from the server's defaults, then from the
 * model's; lengths and sizes that the model cannot make become the nearest ones that it can. What
 * is changed or ignored is noted, or refused where the client asked for strictness.
 */
final class Wishes {
  private static final long SEEDS = 1L << 31;

  private final VideoMaker maker;
  private final Bounds bounds;
  private final RequestFields defaults;

  Wishes(VideoMaker maker, Bounds bounds, RequestFields defaults) {
    this.maker = maker;
    this.bounds = bounds;
    this.defaults = defaults;
  }

  /**
   * A video.
   *
   * @param pictures PNGs that came with the request
   */
  VideoWish video(RequestFields given, Map<PictureRole, byte[]> pictures) {
    return new Completion(given, pictures, false).wish();
  }

  /** A picture. */
  VideoWish picture(RequestFields given) {
    return new Completion(given, Map.of(), true).wish();
  }

  /** One request while it is completed. */
  private final class Completion {
    private final RequestFields fields;
    private final Map<PictureRole, byte[]> pictures;
    private final boolean picture;
    private final List<String> notes = new ArrayList<>();
    private final LvsaFields lvsa;

    Completion(RequestFields given, Map<PictureRole, byte[]> pictures, boolean picture) {
      this.pictures = pictures;
      this.picture = picture;
      List<String> unread = new ArrayList<>();
      RequestFields all = withExtra(given, unread).or(defaults);
      lvsa = LvsaFields.of(all);
      fields = all;
      unread.forEach(name -> note("extra_params." + name + " is not known and was ignored"));
      for (Field field : given.given()) {
        if (Field.IGNORED.contains(field)) {
          note(field + " is not supported and was ignored");
        }
      }
      String model = given.text(Field.MODEL).orElse(maker.model());
      if (!model.equals(maker.model())) {
        note("model " + Messages.cut(model) + " is not served: " + maker.model() + " was taken");
      }
    }

    /** Something is otherwise than asked for. */
    private void note(String line) {
      if (lvsa.strict()) {
        throw new ApiException(Fault.NOT_POSSIBLE, "strict: " + line);
      }
      notes.add(line);
    }

    VideoWish wish() {
      String prompt = prompt(Field.PROMPT);
      if (prompt.isBlank()) {
        throw new ApiException(
            Fault.INVALID_VALUE, "prompt is missing: say what is shown", Field.PROMPT.toString());
      }
      Resolution size = size();
      double fps = fields.decimal(Field.FPS).orElse(maker.defaults().fps());
      int frames = picture ? 1 : frames(fps);
      requirePixels(size, frames);
      VideoRequest request =
          new VideoRequest(
              prompt,
              prompt(Field.NEGATIVE_PROMPT),
              size,
              frames,
              fps,
              sampling(),
              lvsa.variables(),
              lvsa.strict(),
              picture);
      try {
        maker.check(request, pictures.keySet());
      } catch (IllegalArgumentException e) {
        throw new ApiException(Fault.NOT_POSSIBLE, Messages.oneLine(e.getMessage()));
      }
      return new VideoWish(request, notes);
    }

    private String prompt(Field field) {
      String text = fields.text(field).orElse("");
      if (text.length() > bounds.promptCharacters()) {
        throw new ApiException(
            Fault.INVALID_VALUE,
            field
                + " has "
                + text.length()
                + " characters, at most "
                + bounds.promptCharacters()
                + " are allowed",
            field.toString());
      }
      return text;
    }

    private Resolution size() {
      Resolution wanted = wantedSize();
      Resolution size = maker.nearestSize(wanted);
      if (!size.equals(wanted)) {
        note("size " + wanted + " became " + size + ", the nearest that the model can make");
      }
      return size;
    }

    private Resolution wantedSize() {
      Optional<Resolution> size = fields.size(Field.SIZE);
      boolean hasWidth = fields.has(Field.WIDTH);
      if (hasWidth != fields.has(Field.HEIGHT)) {
        throw new ApiException(
            Fault.INVALID_VALUE,
            "give width and height, or size",
            (hasWidth ? Field.HEIGHT : Field.WIDTH).toString());
      }
      if (!hasWidth) {
        return size.or(this::sizeOfBeginning).orElse(maker.defaults().size());
      }
      Resolution sides =
          new Resolution(
              (int) fields.integer(Field.WIDTH).orElseThrow(),
              (int) fields.integer(Field.HEIGHT).orElseThrow());
      if (size.isPresent() && !size.get().equals(sides)) {
        note("size " + size.get() + " goes before width and height, " + sides);
      }
      return size.orElse(sides);
    }

    private Optional<Resolution> sizeOfBeginning() {
      return Optional.ofNullable(pictures.get(PictureRole.FIRST))
          .map(ReferenceImage::size)
          .map(maker::defaultSize);
    }

    private int frames(double fps) {
      long wanted;
      if (fields.has(Field.NUM_FRAMES)) {
        wanted = fields.integer(Field.NUM_FRAMES).orElseThrow();
      } else if (fields.has(Field.SECONDS)) {
        wanted = Math.max(1, Math.round(fields.integer(Field.SECONDS).orElseThrow() * fps));
      } else {
        return maker.defaults().frames();
      }
      requirePixels(new Resolution(1, 1), wanted);
      int frames = maker.nearestFrames((int) wanted);
      if (frames != wanted) {
        note(wanted + " frames became " + frames + ", the nearest number that the model can make");
      }
      return frames;
    }

    private void requirePixels(Resolution size, long frames) {
      long most = picture ? bounds.generatedImagePixels() : bounds.videoPixels();
      long pixels = size.width() * (long) size.height() * frames;
      if (pixels > most) {
        throw new ApiException(
            Fault.NOT_POSSIBLE,
            picture
                ? "Requested image size "
                    + size
                    + " exceeds the maximum allowed size of "
                    + most
                    + " pixels."
                : frames
                    + " frames of "
                    + size
                    + " have "
                    + pixels
                    + " pixels, at most "
                    + most
                    + " are allowed",
            Field.SIZE.toString());
      }
    }

    private VideoRequest.Sampling sampling() {
      VideoMaker.Defaults model = maker.defaults();
      return new VideoRequest.Sampling(
          (int) fields.integer(Field.NUM_INFERENCE_STEPS).orElse(model.steps()),
          fields.decimal(Field.GUIDANCE_SCALE).orElse(model.guidanceScale()),
          boxed(fields.decimal(Field.GUIDANCE_SCALE_2)),
          boxed(fields.decimal(Field.BOUNDARY_RATIO)),
          boxed(fields.decimal(Field.FLOW_SHIFT)),
          fields.integer(Field.SEED).orElseGet(() -> new SplittableRandom().nextLong(SEEDS)));
    }

    private @Nullable Double boxed(OptionalDouble value) {
      return value.isPresent() ? value.getAsDouble() : null;
    }
  }

  /** Fields that stand in {@code extra_params} count where they do not stand for themselves. */
  private static RequestFields withExtra(RequestFields given, List<String> unread) {
    Map<Field, String> extra = new EnumMap<>(Field.class);
    Optional<JsonNode> object = given.object(Field.EXTRA_PARAMS);
    if (object.isPresent()) {
      for (Map.Entry<String, JsonNode> entry : object.get().properties()) {
        Optional<Field> field =
            Field.named(entry.getKey(), Field.Use.VIDEO)
                .filter(known -> known.kind().form() == Field.Kind.Form.DECIMAL)
                .filter(known -> !Field.IGNORED.contains(known));
        if (field.isPresent() && entry.getValue().isValueNode()) {
          extra.put(field.get(), entry.getValue().asText());
        } else {
          unread.add(Messages.cut(entry.getKey()));
        }
      }
    }
    return given.or(new RequestFields(extra));
  }
}
