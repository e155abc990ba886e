// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.lvsa.toolkit.serving.TestServer.error;
import static org.lvsa.toolkit.serving.TestServer.json;

import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.toolkit.jobs.FakeMaker;

/** What a client may say when it begins and ends a profile. */
class ProfileRoutesTest {
  @TempDir private static Path folder;
  private static TestServer server;

  @BeforeAll
  static void start() throws IOException {
    server =
        TestServer.start(
            folder, FakeMaker.quick(), s -> TestServer.withProfiles(s, folder.resolve("profiles")));
  }

  @AfterAll
  static void stop() throws IOException {
    server.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{}", "{\"stages\": null}", "{\"stages\": [0]}"})
  void theOnlyStageMayBeNamed(String body) throws Exception {
    HttpResponse<String> begun = server.post("/start_profile", body);
    assertEquals(200, begun.statusCode(), begun.body());
    HttpResponse<String> ended = server.post("/stop_profile", body);
    assertEquals(200, ended.statusCode(), ended.body());
    Path profile = folder.resolve("profiles").resolve(json(begun).get("folder").textValue());
    assertTrue(Files.exists(profile.resolve(json(ended).get("file").textValue())));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{\"stages\": [1]} | 422 | stages",
        "{\"stages\": [0, 1]} | 422 | stages",
        "{\"stages\": []} | 422 | stages",
        "{\"stages\": 0} | 422 | stages",
        "{\"profile_prefix\": \"../a\"} | 400 | profile_prefix",
        "[0] | 400 | ",
        "{ | 400 | ",
      })
  void whatIsWrongBeginsNothing(String body, int status, String param) throws Exception {
    assertEquals(
        Optional.ofNullable(param),
        Optional.ofNullable(
            error(status, server.post("/start_profile", body)).get("param").textValue()));
    assertEquals(
        "profiler_state", error(409, server.post("/stop_profile", "")).get("code").textValue());
  }

  @Test
  void aLongBodyIsRefused() throws Exception {
    String body = "{\"stages\": [" + "0, ".repeat(30_000) + "0]}";
    assertEquals(
        "body_too_large", error(413, server.post("/start_profile", body)).get("code").textValue());
  }
}
