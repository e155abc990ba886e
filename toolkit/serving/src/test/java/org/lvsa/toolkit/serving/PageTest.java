// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.jobs.FakeMaker;

/** The page at {@code /} in a browser: submit, see progress rise, play both videos. */
@Tag("full")
class PageTest {
  @TempDir private Path folder;

  @Test
  @Timeout(600)
  void bothVideosAreAskedForWatchedAndPlayed() throws Exception {
    assumeTrue(
        Files.isExecutable(Browser.CHROMIUM),
        "Chromium is not installed: the server's page is not opened");
    FakeMaker maker = FakeMaker.heldWithVideos();
    try (TestServer server = TestServer.start(folder.resolve("data"), maker);
        Browser browser = new Browser(folder)) {
      String site = "http://127.0.0.1:" + server.port() + "/";
      browser.open(site);
      browser.await("!!document.getElementById('server')?.textContent.startsWith('fake, lvsa ')");
      browser.value(
          """
          (() => {
            const values = {prompt: 'a <b>cat</b>', size: '64x48', num_frames: 9, fps: 8,
                num_inference_steps: 9, attention: 'both'};
            for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
            form.querySelector('button').click();
          })()""");
      browser.await("document.querySelectorAll('.pair .job').length === 2");
      assertEquals(
          "a <b>cat</b>", browser.value("document.querySelector('h2').textContent").asText());

      int last = 0;
      for (int step = 1; step <= 4; step++) {
        maker.steps.release();
        // The dense one was submitted first, and runs first.
        String progress = "Number(document.querySelector('.job').dataset.progress)";
        browser.await(progress + " > " + last);
        int now = browser.value(progress).asInt();
        assertTrue(now > last && now < 100, now + " after " + last);
        last = now;
      }
      maker.release();
      browser.await(
          "[...document.querySelectorAll('.job')].every(job => job.dataset.playing === 'yes')");
      assertEquals(
          List.of("LVSA", "SDPA"),
          maker.made.stream()
              .map(request -> request.lvsa().get("DIFFUSION_ATTENTION_BACKEND"))
              .sorted()
              .toList());
      String videos = "[...document.querySelectorAll('video')]";
      assertEquals(2, browser.value(videos + ".length").asInt());
      assertTrue(
          browser
              .value(
                  videos
                      + ".every(v => v.readyState >= 2 && v.videoWidth === 64"
                      + " && Math.abs(v.duration - 9 / 8) < 0.2)")
              .asBoolean(),
          browser.value(videos + ".map(v => v.readyState + ' ' + v.duration).join()").asText());
      for (String url : browser.requested) {
        assertTrue(
            url.startsWith(site)
                || url.startsWith("blob:" + site)
                || url.startsWith("data:")
                || url.equals("about:blank"),
            "the page asks for " + url);
      }
      assertEquals(List.of(), List.copyOf(browser.complaints));
    }
  }
}
