// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import com.fasterxml.jackson.databind.JsonNode;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Base64;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.io.Png;
import org.lvsa.toolkit.jobs.PictureRole;
import org.lvsa.toolkit.model.Resolution;

/**
 * The pictures of a request, from a client that is not trusted: the size of each is read and judged
 * before any pixel is decoded, and what is kept is a PNG that was written here.
 */
final class ReferenceImage {
  /** Where the head of a PNG has the width, and the height behind it. */
  private static final int PNG_WIDTH = 16;

  private static final List<String> FORMATS = List.of("png", "jpeg");

  private final Field field;
  private final Bounds bounds;

  /**
   * @param field that errors name
   */
  private ReferenceImage(Field field, Bounds bounds) {
    this.field = field;
    this.bounds = bounds;
  }

  /** Whether a request has pictures. */
  static boolean isIn(RequestFields fields, Map<Field, byte[]> files) {
    return !files.isEmpty()
        || Stream.of(Field.INPUT_REFERENCE, Field.IMAGE_REFERENCE, Field.LAST_IMAGE)
            .anyMatch(fields::has);
  }

  /**
   * The pictures of a request, from files or from texts.
   *
   * @param files as they arrived
   * @return PNGs
   * @throws ApiException if one is given twice, or is not a picture that can be taken
   */
  static Map<PictureRole, byte[]> of(
      RequestFields fields, Map<Field, byte[]> files, Bounds bounds) {
    Map<PictureRole, byte[]> pictures = new EnumMap<>(PictureRole.class);
    new ReferenceImage(Field.INPUT_REFERENCE, bounds)
        .png(fields, files, fields.object(Field.IMAGE_REFERENCE))
        .ifPresent(png -> pictures.put(PictureRole.FIRST, png));
    new ReferenceImage(Field.LAST_IMAGE, bounds)
        .png(fields, files, Optional.empty())
        .ifPresent(png -> pictures.put(PictureRole.LAST, png));
    return pictures;
  }

  private Optional<byte[]> png(
      RequestFields fields, Map<Field, byte[]> files, Optional<JsonNode> reference) {
    Optional<byte[]> file = Optional.ofNullable(files.get(field));
    Optional<String> inline = fields.text(field);
    long given = Stream.of(file, inline, reference).filter(Optional::isPresent).count();
    if (given > 1) {
      throw wrong(
          reference.isPresent()
              ? "Provide either input_reference or image_reference, not both."
              : field + " is given more than once");
    }
    return reference
        .map(this::referred)
        .or(() -> inline.map(text -> text.startsWith("{") ? referred(parsed(text)) : decoded(text)))
        .or(() -> file)
        .map(this::png);
  }

  private JsonNode parsed(String text) {
    try {
      return Json.parse(text, field.toString());
    } catch (MalformedFileException e) {
      throw wrong(e.getMessage());
    }
  }

  private byte[] referred(JsonNode reference) {
    if (reference.has("file_id")) {
      throw wrong("file_id is not supported yet.");
    }
    JsonNode url = reference.path("image_url");
    if (!url.isTextual()) {
      throw wrong(field + " must have image_url, a data URL");
    }
    return decoded(url.textValue());
  }

  private byte[] decoded(String url) {
    int comma = url.indexOf(',');
    String head = comma < 0 ? url : url.substring(0, comma).toLowerCase(Locale.ROOT);
    if (comma < 0 || !head.startsWith("data:image/") || !head.endsWith(";base64")) {
      throw wrong(
          "image_url must be a data URL, data:image/png;base64,... (the server fetches nothing"
              + " from elsewhere), got "
              + Messages.cut(url));
    }
    requireBytes((url.length() - comma) / 4L * 3);
    try {
      return Base64.getDecoder().decode(url.substring(comma + 1));
    } catch (IllegalArgumentException e) {
      throw wrong("image_url is not valid base64: " + Messages.cut(e.getMessage()));
    }
  }

  private void requireBytes(long bytes) {
    if (bytes > bounds.imageBytes()) {
      throw new ApiException(
          Fault.BODY_TOO_LARGE,
          "the picture has " + bytes + " bytes, at most " + bounds.imageBytes() + " are allowed",
          field.toString());
    }
  }

  /**
   * The size that the head of a PNG says.
   *
   * @param png that was written here
   */
  static Resolution size(byte[] png) {
    ByteBuffer head = ByteBuffer.wrap(png);
    return new Resolution(head.getInt(PNG_WIDTH), head.getInt(PNG_WIDTH + Integer.BYTES));
  }

  private ApiException wrong(String message) {
    return new ApiException(Fault.INVALID_IMAGE, message, field.toString());
  }

  private byte[] png(byte[] bytes) {
    requireBytes(bytes.length);
    try (ImageInputStream in = ImageIO.createImageInputStream(new ByteArrayInputStream(bytes))) {
      Iterator<ImageReader> readers = ImageIO.getImageReaders(in);
      ImageReader reader = readers.hasNext() ? readers.next() : null;
      if (reader == null || !FORMATS.contains(reader.getFormatName().toLowerCase(Locale.ROOT))) {
        throw wrong(field + " is not a PNG or JPEG picture");
      }
      try {
        reader.setInput(in, true, true);
        long pixels = reader.getWidth(0) * (long) reader.getHeight(0);
        if (pixels > bounds.imagePixels()) {
          throw wrong(
              "the picture has "
                  + pixels
                  + " pixels, at most "
                  + bounds.imagePixels()
                  + " are allowed");
        }
        return Png.bytes(opaque(reader.read(0)));
      } finally {
        reader.dispose();
      }
    } catch (IOException | RuntimeException e) {
      if (e instanceof ApiException known) {
        throw known;
      }
      throw wrong(field + " cannot be read: " + Messages.cut(e.getMessage()));
    }
  }

  /** Red, green and blue, whatever the picture's own colours are. */
  private static BufferedImage opaque(BufferedImage image) {
    BufferedImage rgb =
        new BufferedImage(image.getWidth(), image.getHeight(), BufferedImage.TYPE_3BYTE_BGR);
    rgb.createGraphics().drawImage(image, 0, 0, null);
    return rgb;
  }
}
