// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/** A field of a request. {@code docs/serving.md} has the same table. */
public enum Field {
  /** What the video shows. */
  PROMPT(Kind.TEXT, Use.BOTH),
  /** What it should not show. */
  NEGATIVE_PROMPT(Kind.TEXT, Use.BOTH),
  /** {@code WIDTHxHEIGHT}; goes before width and height. */
  SIZE(Kind.SIZE, Use.BOTH),
  /** Pixels. */
  WIDTH(Kind.integer(1, 99_999), Use.VIDEO),
  /** Pixels. */
  HEIGHT(Kind.integer(1, 99_999), Use.VIDEO),
  /** Length, in place of the number of frames. */
  SECONDS(Kind.integer(1, 86_400), Use.VIDEO),
  /** Video frames. */
  NUM_FRAMES(Kind.integer(1, 1_000_000), Use.VIDEO),
  /** Frames per second. */
  FPS(Kind.decimal(1, 1000), Use.VIDEO),
  /** Denoising steps. */
  NUM_INFERENCE_STEPS(Kind.integer(1, 200), Use.BOTH),
  /** How strongly the prompt is followed. */
  GUIDANCE_SCALE(Kind.decimal(0, 20), Use.BOTH),
  /** The same, in the steps with little noise. */
  GUIDANCE_SCALE_2(Kind.decimal(0, 20), Use.VIDEO),
  /** Where the second transformer takes over. */
  BOUNDARY_RATIO(Kind.decimal(0, 1), Use.VIDEO),
  /** Shift of the noise levels. */
  FLOW_SHIFT(Kind.decimal(0, 1000), Use.VIDEO),
  /** Of the noise. */
  SEED(Kind.integer(0, Long.MAX_VALUE), Use.BOTH),
  /** The picture with which the video begins, as a file. */
  INPUT_REFERENCE(Kind.IMAGE, Use.VIDEO),
  /** The same, as JSON with a data URL. */
  IMAGE_REFERENCE(Kind.OBJECT, Use.VIDEO),
  /** The picture with which the video ends, as a file or as JSON with a data URL. */
  LAST_IMAGE(Kind.IMAGE, Use.VIDEO),
  /** Settings of the attention. */
  LVSA(Kind.OBJECT, Use.BOTH),
  /** Further settings by name. */
  EXTRA_PARAMS(Kind.OBJECT, Use.VIDEO),
  /** Pictures per request. */
  N(Kind.integer(1, 10), Use.IMAGE),
  /** How pictures are sent. */
  RESPONSE_FORMAT(Kind.TEXT, Use.IMAGE),
  /** The name of a model; another one than the server's is noted. */
  MODEL(Kind.TEXT, Use.BOTH),
  /** Who asks; ignored. */
  USER(Kind.TEXT, Use.BOTH),
  /** Ignored. */
  QUALITY(Kind.TEXT, Use.BOTH),
  /** Of other models; ignored. */
  TRUE_CFG_SCALE(Kind.decimal(0, 20), Use.BOTH),
  /** Ignored. */
  LORA(Kind.OBJECT, Use.BOTH),
  /** Ignored. */
  GENERATOR_DEVICE(Kind.TEXT, Use.IMAGE),
  /** Of other models; ignored. */
  LAYERS(Kind.integer(3, 10), Use.IMAGE),
  /** Of other models; ignored. */
  SYSTEM_PROMPT(Kind.TEXT, Use.IMAGE),
  /** Of other models; ignored. */
  USE_SYSTEM_PROMPT(Kind.TEXT, Use.IMAGE),
  /** Ignored: the server's own setting counts. */
  VAE_USE_SLICING(Kind.TEXT, Use.IMAGE),
  /** Ignored: the server's own setting counts. */
  VAE_USE_TILING(Kind.TEXT, Use.IMAGE);

  /** Fields that change nothing, and are noted. */
  static final List<Field> IGNORED =
      List.of(
          USER,
          QUALITY,
          TRUE_CFG_SCALE,
          LORA,
          GENERATOR_DEVICE,
          LAYERS,
          SYSTEM_PROMPT,
          USE_SYSTEM_PROMPT,
          VAE_USE_SLICING,
          VAE_USE_TILING);

  /** Requests that have the field. */
  enum Use {
    VIDEO,
    IMAGE,
    BOTH
  }

  /**
   * What a value may be.
   *
   * @param words for the message of an error
   * @param form which numbers, texts or objects
   * @param least of a number
   * @param most of a number
   */
  record Kind(String words, Form form, double least, double most) {
    enum Form {
      TEXT,
      SIZE,
      INTEGER,
      DECIMAL,
      OBJECT,
      IMAGE
    }

    /** Whether a value may be an object with entries. */
    boolean isObject() {
      return form == Form.OBJECT || form == Form.IMAGE;
    }

    static final Kind TEXT = new Kind("a text", Form.TEXT, 0, 0);
    static final Kind SIZE = new Kind("WIDTHxHEIGHT, such as 832x480", Form.SIZE, 0, 0);
    static final Kind OBJECT = new Kind("a JSON object", Form.OBJECT, 0, 0);
    static final Kind IMAGE = new Kind("a picture, PNG or JPEG", Form.IMAGE, 0, 0);

    static Kind integer(long least, long most) {
      return new Kind(
          most == Long.MAX_VALUE
              ? "a whole number from " + least + " on"
              : "a whole number from " + least + " to " + most,
          Form.INTEGER,
          least,
          most);
    }

    static Kind decimal(double least, double most) {
      return new Kind(
          String.format(Locale.ROOT, "a number from %.0f to %.0f", least, most),
          Form.DECIMAL,
          least,
          most);
    }
  }

  private final Kind kind;
  private final Use use;

  Field(Kind kind, Use use) {
    this.kind = kind;
    this.use = use;
  }

  Kind kind() {
    return kind;
  }

  /** Whether requests of that use have the field. */
  boolean isOf(Use wanted) {
    return use == Use.BOTH || use == wanted;
  }

  /** The fields of a use. */
  static List<Field> of(Use use) {
    return Stream.of(values()).filter(field -> field.isOf(use)).toList();
  }

  /** The field of a name, among those of a use. */
  static Optional<Field> named(String name, Use use) {
    return of(use).stream().filter(field -> field.toString().equals(name)).findFirst();
  }

  /** Its name in a request. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
