// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import com.fasterxml.jackson.databind.JsonNode;
import io.javalin.http.Context;
import io.javalin.http.UploadedFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;
import org.eclipse.jetty.http.HttpException;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;
import org.lvsa.toolkit.jobs.PictureRole;
import org.lvsa.toolkit.jobs.WorkThread;

/**
 * Reads requests' bodies: a form, with or without files, or JSON. Only so many large ones are in
 * memory at a time.
 */
final class Incoming implements AutoCloseable {
  /** Bodies of at most so many bytes wait for nobody. */
  private static final int SMALL = 1 << 16;

  private static final int LARGE_AT_ONCE = 16;

  private final Bounds bounds;
  private final Path uploads;
  private final Semaphore large = new Semaphore(LARGE_AT_ONCE);
  private final WorkThread pictures = new WorkThread("pictures of requests");

  /**
   * @param uploads where large parts of a form lie while it arrives
   */
  Incoming(Bounds bounds, Path uploads) {
    this.bounds = bounds;
    this.uploads = uploads;
  }

  /**
   * A request.
   *
   * @param fields that it has
   * @param pictures PNGs
   */
  record Body(RequestFields fields, Map<PictureRole, byte[]> pictures) {}

  /**
   * Reads a request.
   *
   * @throws ApiException if it is not what it says, or has what it may not have
   */
  Body read(Context context, Field.Use use) {
    long length = context.req().getContentLengthLong();
    if (length > bounds.bodyBytes()) {
      throw tooLarge(bounds.bodyBytes());
    }
    requireSpace(length);
    boolean isSmall = length >= 0 && length <= SMALL;
    if (!isSmall && !large.tryAcquire()) {
      throw new ApiException(
          Fault.BUSY, "too many large requests at a time: try again in a second");
    }
    try {
      return parsed(context, use);
    } finally {
      if (!isSmall) {
        large.release();
      }
    }
  }

  /** A form that the disk has no space for looks broken to its reader, so this is told before. */
  private void requireSpace(long length) {
    try {
      if (length > Files.getFileStore(uploads).getUsableSpace()) {
        throw new ApiException(Fault.STORAGE_FULL, "the disk has no space for this request");
      }
    } catch (IOException e) {
      throw new ApiException(Fault.STORAGE_FULL, Messages.reason(e));
    }
  }

  private static ApiException tooLarge(int most) {
    return new ApiException(Fault.BODY_TOO_LARGE, "the body may have at most " + most + " bytes");
  }

  /**
   * Reads a small JSON object that may be left out.
   *
   * @throws ApiException if there is something else in its place
   */
  static JsonNode optionalObject(Context context) {
    byte[] bytes = bytes(context, SMALL);
    JsonNode body = bytes.length == 0 ? Json.object() : json(bytes);
    if (!body.isObject()) {
      throw new ApiException(
          Fault.MALFORMED_BODY, "the body must be a JSON object, got " + Messages.cut(body));
    }
    return body;
  }

  private Body parsed(Context context, Field.Use use) {
    String type = Optional.ofNullable(context.contentType()).orElse("").toLowerCase(Locale.ROOT);
    if (type.startsWith("application/json")) {
      RequestFields fields = RequestFields.of(json(bytes(context, bounds.bodyBytes())), use);
      return body(fields, Map.of());
    }
    if (use == Field.Use.VIDEO
        && (type.startsWith("multipart/form-data")
            || type.startsWith("application/x-www-form-urlencoded"))) {
      RequestFields fields = new RequestFields(form(context));
      return body(fields, files(context));
    }
    throw new ApiException(
        Fault.UNSUPPORTED_BODY,
        "the body must be "
            + (use == Field.Use.VIDEO ? "multipart/form-data or " : "")
            + "application/json, got "
            + Messages.cut(type.isEmpty() ? "no type" : type));
  }

  /** A large picture takes a second to decode. */
  private Body body(RequestFields fields, Map<Field, byte[]> files) {
    return ReferenceImage.isIn(fields, files)
        ? new Body(fields, pictures.call(() -> ReferenceImage.of(fields, files, bounds)))
        : new Body(fields, Map.of());
  }

  private static byte[] bytes(Context context, int most) {
    byte[] bytes;
    try (InputStream in = context.req().getInputStream()) {
      bytes = in.readNBytes(most + 1);
    } catch (IOException e) {
      throw new ApiException(
          Fault.MALFORMED_BODY, "the body did not arrive: " + Messages.reason(e));
    }
    if (bytes.length > most) {
      throw tooLarge(most);
    }
    return bytes;
  }

  private static JsonNode json(byte[] bytes) {
    try {
      return Json.parse(Json.text(bytes, "body"), "body");
    } catch (MalformedFileException e) {
      throw new ApiException(Fault.MALFORMED_BODY, e.getMessage());
    }
  }

  private static Map<Field, String> form(Context context) {
    FormFields form = new FormFields();
    // A file is among the names too, without a text.
    parts(context::formParamMap)
        .forEach((name, texts) -> texts.forEach(text -> form.add(name, text)));
    return form.values();
  }

  /** Jetty reads the form here, and says in various ways that it cannot. */
  private static <T> Map<String, List<T>> parts(Supplier<Map<String, List<T>>> form) {
    try {
      return form.get();
    } catch (RuntimeException e) {
      for (Throwable cause = e; cause != null; cause = cause.getCause()) {
        if (cause instanceof HttpException) {
          throw e;
        }
      }
      throw new ApiException(
          Fault.MALFORMED_BODY,
          "the form cannot be read: " + Messages.cut(String.valueOf(e.getMessage())));
    }
  }

  private Map<Field, byte[]> files(Context context) {
    Map<Field, byte[]> files = new EnumMap<>(Field.class);
    if (!context.isMultipartFormData()) {
      return files;
    }
    for (Map.Entry<String, List<UploadedFile>> entry : parts(context::uploadedFileMap).entrySet()) {
      Field field = RequestFields.named(entry.getKey(), Field.Use.VIDEO);
      if (field.kind().form() != Field.Kind.Form.IMAGE) {
        throw new ApiException(
            Fault.INVALID_VALUE, field + " must be a text, not a file", field.toString());
      }
      if (entry.getValue().size() > 1) {
        throw FormFields.twice(field);
      }
      byte[] bytes = content(entry.getValue().getFirst());
      // A browser sends an empty file where none was chosen.
      if (bytes.length > 0) {
        files.put(field, bytes);
      }
    }
    return files;
  }

  private byte[] content(UploadedFile file) {
    try (InputStream in = file.content()) {
      return in.readNBytes(bounds.imageBytes() + 1);
    } catch (IOException e) {
      throw new ApiException(
          Fault.MALFORMED_BODY, "the body did not arrive: " + Messages.reason(e));
    }
  }

  @Override
  public void close() {
    pictures.close();
  }
}
