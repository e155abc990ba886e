// SPDX-License-Identifier: Apache-2.0

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Asks a server for a video, waits for it and fetches it, with nothing but the JDK:
 *
 * <pre>java docs/examples/Client.java PROMPT OUT.mp4 [FIELD=VALUE ...]</pre>
 *
 * <p>The environment's SERVER (http://127.0.0.1:8098) is asked every POLL (2) seconds, with the key
 * API_KEY where it is set.
 */
final class Client {
  private static final HttpClient HTTP = HttpClient.newHttpClient();
  private static final String SERVER =
      Optional.ofNullable(System.getenv("SERVER")).orElse("http://127.0.0.1:8098");
  private static final double POLL =
      Double.parseDouble(Optional.ofNullable(System.getenv("POLL")).orElse("2"));

  private Client() {}

  private static HttpRequest.Builder request(String path) {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(SERVER + path));
    Optional.ofNullable(System.getenv("API_KEY"))
        .ifPresent(key -> request.header("Authorization", "Bearer " + key));
    return request;
  }

  private static String text(HttpRequest.Builder request) throws Exception {
    HttpResponse<String> answer = HTTP.send(request.build(), BodyHandlers.ofString());
    if (answer.statusCode() >= 400) {
      throw new IllegalStateException("HTTP status " + answer.statusCode() + ": " + answer.body());
    }
    return answer.body();
  }

  /** A JSON text. */
  private static String quoted(String text) {
    StringBuilder json = new StringBuilder("\"");
    text.chars()
        .forEach(
            c ->
                json.append(
                    c < ' ' || c == '"' || c == '\\'
                        ? String.format("\\u%04x", c)
                        : Character.toString(c)));
    return json.append('"').toString();
  }

  /** The first value of a name: the answers have no object before those that are read here. */
  private static String value(String json, String name) {
    Matcher found = Pattern.compile("\"" + name + "\":\"?([^\",}]*)").matcher(json);
    if (!found.find()) {
      throw new IllegalStateException("no " + name + " in " + json);
    }
    return found.group(1);
  }

  public static void main(String[] words) throws Exception {
    if (words.length < 2) {
      System.err.println("java Client.java PROMPT OUT.mp4 [FIELD=VALUE ...]");
      System.exit(2);
    }
    StringBuilder body = new StringBuilder("{\"prompt\":" + quoted(words[0]));
    for (int i = 2; i < words.length; i++) {
      String[] field = words[i].split("=", 2);
      // Numbers stay numbers; everything else is a text.
      boolean isNumber = field[1].matches("-?\\d+(\\.\\d+)?");
      body.append(',').append(quoted(field[0])).append(':');
      body.append(isNumber ? field[1] : quoted(field[1]));
    }
    String job =
        text(
            request("/v1/videos")
                .header("Content-Type", "application/json")
                .POST(BodyPublishers.ofString(body + "}")));
    String path = "/v1/videos/" + value(job, "id");
    System.out.println("submitted " + value(job, "id"));
    while (!value(job, "status").equals("completed")) {
      if (value(job, "status").equals("failed")) {
        System.err.println(job);
        System.exit(1);
      }
      Thread.sleep(Math.round(POLL * 1000));
      job = text(request(path));
      System.out.println(value(job, "status") + " " + value(job, "progress") + " %");
    }
    Path out = Path.of(words[1]);
    int status =
        HTTP.send(request(path + "/content").build(), BodyHandlers.ofFile(out)).statusCode();
    System.out.println(out + ": " + (status == 200 ? "written" : "HTTP status " + status));
    System.exit(status == 200 ? 0 : 1);
  }
}
