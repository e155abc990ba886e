// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import java.util.SplittableRandom;

/** Requests that are wrong, each in another way, as text of one byte per character. */
final class BadRequests {
  private static final String HOST = "Host: 127.0.0.1\r\n";
  private static final String FORM =
      HOST + "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: ";

  /** How many kinds there are. */
  static final int KINDS = 18;

  private BadRequests() {}

  /** A request of a kind, otherwise drawn at random. */
  static String of(int kind, SplittableRandom random) {
    return switch (kind) {
      // Begun by a character that is none of a line's end: empty lines alone are waited behind.
      case 0 -> "\1" + noise(random, random.nextInt(1, 400)) + "\r\n\r\n";
      case 1 -> "GET / HTTP/" + random.nextInt(3, 99) + ".7\r\n" + HOST + "\r\n";
      case 2 -> "GET / HTTP/1.1\r\n" + HOST + "X: " + "x".repeat(20_000) + "\r\n\r\n";
      case 3 -> "GET /v1/videos HTTP/1.1\r\n\r\n";
      case 4 -> "POST /v1/videos HTTP/1.1\r\n" + HOST + "Content-Length: -1\r\n\r\n";
      case 5 ->
          "POST /v1/videos HTTP/1.1\r\n"
              + HOST
              + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd";
      case 6 ->
          "POST /v1/videos HTTP/1.1\r\n"
              + HOST
              + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n";
      case 7 -> json(noise(random, random.nextInt(1, 2000)));
      case 8 -> json("[".repeat(random.nextInt(2000, 50_000)));
      case 9 -> json("{\"prompt\": \"a\", \"p" + random.nextInt() + "\": 1}");
      case 10 -> form("--b\r\n" + noise(random, random.nextInt(1, 2000)) + "\r\n--b--\r\n");
      case 11 -> form(parts(random.nextInt(65, 300)));
      case 12 ->
          "POST /v1/videos HTTP/1.1\r\n"
              + FORM
              + random.nextInt(300_000, 2_000_000_000)
              + "\r\n\r\n";
      case 13 ->
          "GET /v1/videos/"
              + "..%2f".repeat(random.nextInt(1, 9))
              + "etc/content HTTP/1.1\r\n"
              + HOST
              + "\r\n";
      case 14 -> "GET /../../../etc/passwd HTTP/1.1\r\n" + HOST + "\r\n";
      case 15 -> "GET /v1/videos/" + random.nextLong() + "/content HTTP/1.1\r\n" + HOST + "\r\n";
      case 16 -> "BREW /v1/videos HTTP/1.1\r\n" + HOST + "\r\n";
      default ->
          "GET /v1/videos?limit=" + random.nextInt(101, 9999) + " HTTP/1.1\r\n" + HOST + "\r\n";
    };
  }

  private static String noise(SplittableRandom random, int length) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < length; i++) {
      text.append((char) random.nextInt(256));
    }
    return text.toString();
  }

  private static String json(String body) {
    return "POST /v1/videos HTTP/1.1\r\n"
        + HOST
        + "Content-Type: application/json\r\nContent-Length: "
        + body.length()
        + "\r\n\r\n"
        + body;
  }

  private static String form(String body) {
    return "POST /v1/videos HTTP/1.1\r\n" + FORM + body.length() + "\r\n\r\n" + body;
  }

  private static String parts(int number) {
    StringBuilder body = new StringBuilder();
    for (int i = 0; i < number; i++) {
      body.append("--b\r\nContent-Disposition: form-data; name=\"p")
          .append(i)
          .append("\"\r\n\r\n\r\n");
    }
    return body + "--b--\r\n";
  }
}
