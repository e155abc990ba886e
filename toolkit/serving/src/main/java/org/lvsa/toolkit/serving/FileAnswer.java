// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import io.javalin.http.Context;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Answers with a file, or with the part of it that a header {@code Range} asks for (RFC 9110,
 * section 14): one range of bytes. Several ranges, and units that nobody knows, are answered with
 * the whole file, as the standard allows.
 */
final class FileAnswer {
  private static final Pattern RANGE = Pattern.compile("bytes\\s*=\\s*(\\d*)\\s*-\\s*(\\d*)\\s*");
  private static final int LONGEST_NUMBER = 18;

  private FileAnswer() {}

  /**
   * Bytes of a file.
   *
   * @param first the first one, from 0
   * @param length how many
   */
  record Part(long first, long length) {}

  /**
   * The part that a header asks for.
   *
   * @param header empty for the whole file
   * @param size of the file
   * @return empty for the whole file
   * @throws ApiException if the file has none of the bytes
   */
  static Optional<Part> part(Optional<String> header, long size) {
    Matcher range = RANGE.matcher(header.orElse(""));
    if (!range.matches() || (range.group(1).isEmpty() && range.group(2).isEmpty())) {
      return Optional.empty();
    }
    long first;
    long last = range.group(2).isEmpty() ? size - 1 : number(range.group(2));
    if (range.group(1).isEmpty()) {
      first = Math.max(0, size - last);
      if (last == 0) {
        throw notThere(size);
      }
      last = size - 1;
    } else {
      first = number(range.group(1));
      if (!range.group(2).isEmpty() && last < first) {
        return Optional.empty();
      }
    }
    if (first >= size) {
      throw notThere(size);
    }
    return Optional.of(new Part(first, Math.min(last, size - 1) - first + 1));
  }

  private static ApiException notThere(long size) {
    return new ApiException(Fault.RANGE, "the file has " + size + " bytes, none in that range");
  }

  private static long number(String digits) {
    return digits.length() > LONGEST_NUMBER ? Long.MAX_VALUE : Long.parseLong(digits);
  }

  /**
   * Writes an answer.
   *
   * @param name of the file, and what tells its content from others
   * @param type its media type
   * @param withContent whether more than the headers is asked for
   * @throws NoSuchFileException if there is no such file
   */
  static void send(Context context, Path file, String name, String type, boolean withContent)
      throws IOException {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      HttpServletResponse response = context.res();
      long size = channel.size();
      String tag = '"' + name + '"';
      context.header("Accept-Ranges", "bytes");
      context.header("ETag", tag);
      context.header("Content-Disposition", "inline; filename=\"" + name + "\"");
      if (tag.equals(context.header("If-None-Match"))) {
        context.status(304);
        return;
      }
      String condition = context.header("If-Range");
      Optional<Part> part;
      try {
        part =
            condition == null || condition.equals(tag)
                ? part(Optional.ofNullable(context.header("Range")), size)
                : Optional.empty();
      } catch (ApiException e) {
        context.header("Content-Range", "bytes */" + size);
        throw e;
      }
      response.setContentType(type);
      response.setContentLengthLong(part.map(Part::length).orElse(size));
      part.ifPresent(
          bytes -> {
            response.setStatus(206);
            response.setHeader(
                "Content-Range",
                "bytes " + bytes.first() + "-" + (bytes.first() + bytes.length() - 1) + "/" + size);
          });
      if (withContent) {
        copy(channel, part.orElse(new Part(0, size)), response.getOutputStream());
      }
    }
  }

  private static void copy(FileChannel channel, Part part, OutputStream out) throws IOException {
    long done = 0;
    var target = Channels.newChannel(out);
    while (done < part.length()) {
      long sent = channel.transferTo(part.first() + done, part.length() - done, target);
      if (sent <= 0) {
        throw new IOException("the file became shorter while it was sent");
      }
      done += sent;
    }
    out.flush();
  }
}
