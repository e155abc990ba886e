// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import com.fasterxml.jackson.databind.JsonNode;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Base64;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import javax.imageio.ImageIO;
import javax.imageio.ImageReader;
import javax.imageio.stream.ImageInputStream;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.io.Png;
import org.lvsa.toolkit.model.Resolution;

/**
 * The picture with which a video begins, from a client that is not trusted: its size is read and
 * judged before any pixel is decoded, and what is kept is a PNG that was written here.
 */
final class ReferenceImage {
  /** Where the head of a PNG has the width, and the height behind it. */
  private static final int PNG_WIDTH = 16;

  private static final List<String> FORMATS = List.of("png", "jpeg");

  private ReferenceImage() {}

  /**
   * The picture of a request, from the file or from the JSON reference.
   *
   * @param file as it arrived; empty for none
   * @return a PNG
   * @throws ApiException if both are given, or it is not a picture that can be taken
   */
  static Optional<byte[]> of(RequestFields fields, Optional<byte[]> file, Bounds bounds) {
    Optional<String> inline = fields.text(Field.INPUT_REFERENCE);
    Optional<JsonNode> reference = fields.object(Field.IMAGE_REFERENCE);
    int given =
        (file.isPresent() ? 1 : 0) + (inline.isPresent() ? 1 : 0) + (reference.isPresent() ? 1 : 0);
    if (given > 1) {
      throw wrong("Provide either input_reference or image_reference, not both.");
    }
    if (reference.isPresent()) {
      return Optional.of(png(referred(reference.get(), bounds), bounds));
    }
    if (inline.isPresent()) {
      String text = inline.get();
      return Optional.of(
          png(
              text.startsWith("{") ? referred(parsed(text), bounds) : decoded(text, bounds),
              bounds));
    }
    return file.map(bytes -> png(bytes, bounds));
  }

  private static JsonNode parsed(String text) {
    try {
      return Json.parse(text, Field.INPUT_REFERENCE.toString());
    } catch (MalformedFileException e) {
      throw wrong(e.getMessage());
    }
  }

  private static byte[] referred(JsonNode reference, Bounds bounds) {
    if (reference.has("file_id")) {
      throw wrong("file_id is not supported yet.");
    }
    JsonNode url = reference.path("image_url");
    if (!url.isTextual()) {
      throw wrong("image_reference must have image_url, a data URL");
    }
    return decoded(url.textValue(), bounds);
  }

  private static byte[] decoded(String url, Bounds bounds) {
    int comma = url.indexOf(',');
    String head = comma < 0 ? url : url.substring(0, comma).toLowerCase(Locale.ROOT);
    if (comma < 0 || !head.startsWith("data:image/") || !head.endsWith(";base64")) {
      throw wrong(
          "image_url must be a data URL, data:image/png;base64,... (the server fetches nothing"
              + " from elsewhere), got "
              + Messages.cut(url));
    }
    requireBytes((url.length() - comma) / 4L * 3, bounds);
    try {
      return Base64.getDecoder().decode(url.substring(comma + 1));
    } catch (IllegalArgumentException e) {
      throw wrong("image_url is not valid base64: " + Messages.cut(e.getMessage()));
    }
  }

  private static void requireBytes(long bytes, Bounds bounds) {
    if (bytes > bounds.imageBytes()) {
      throw new ApiException(
          Fault.BODY_TOO_LARGE,
          "the picture has " + bytes + " bytes, at most " + bounds.imageBytes() + " are allowed",
          Field.INPUT_REFERENCE.toString());
    }
  }

  /**
   * The size that the head of a PNG says.
   *
   * @param png as {@link #png} made it
   */
  static Resolution size(byte[] png) {
    ByteBuffer head = ByteBuffer.wrap(png);
    return new Resolution(head.getInt(PNG_WIDTH), head.getInt(PNG_WIDTH + Integer.BYTES));
  }

  private static ApiException wrong(String message) {
    return new ApiException(Fault.INVALID_IMAGE, message, Field.INPUT_REFERENCE.toString());
  }

  private static byte[] png(byte[] bytes, Bounds bounds) {
    requireBytes(bytes.length, bounds);
    try (ImageInputStream in = ImageIO.createImageInputStream(new ByteArrayInputStream(bytes))) {
      Iterator<ImageReader> readers = ImageIO.getImageReaders(in);
      ImageReader reader = readers.hasNext() ? readers.next() : null;
      if (reader == null || !FORMATS.contains(reader.getFormatName().toLowerCase(Locale.ROOT))) {
        throw wrong("input_reference is not a PNG or JPEG picture");
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
      throw wrong("input_reference cannot be read: " + Messages.cut(e.getMessage()));
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
