// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the published tool says of videos. */
class GoldenVideosTest {
  @ParameterizedTest
  @MethodSource("org.lvsa.toolkit.evaluate.GoldenVideos#shipped")
  void shippedVideosAreJudgedAlike(GoldenVideos.Case golden) {
    GoldenChecks.check(golden);
  }

  @Test
  @Tag("full")
  void allVideosAreJudgedAlike() throws Exception {
    assumeTrue(GoldenVideos.isShared(), "../shared/golden/vqeval is not there");
    GoldenVideos.all().forEach(GoldenChecks::check);
  }
}
