// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.frame;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;

/** Files that are not quite as they should be; the checksums are those of OpenCV 4.14. */
class VideoSamplerTest {
  private static final Path FILES = Path.of("src/test/resources/videos");

  private static SampledVideo read(String name) {
    return VideoSampler.read(FILES.resolve(name), new Sampling(2, true), Optional.empty());
  }

  private static List<String> checksums(SampledVideo video) {
    return video.frames().stream()
        .limit(3)
        .map(
            frame -> {
              CRC32 crc = new CRC32();
              crc.update(frame.bgr());
              return String.format("%08x", crc.getValue());
            })
        .toList();
  }

  @Test
  void framesAreTurnedUpright() {
    SampledVideo upright = read("upright.mp4");
    SampledVideo turned = read("turned.mp4");
    assertEquals(List.of("d5eb8789", "151ca2b3", "bf5591c1"), checksums(upright));
    assertEquals(List.of("57c30243", "8f95efe1", "0b331eba"), checksums(turned));
    assertEquals("48x64", turned.size().toString());
    assertEquals("turned by 270 degrees, as the file asks", turned.note().orElseThrow());
    assertArrayEquals(upright.frame(0).rgb(), turned.frame(0).turned(1).rgb());
  }

  @Test
  void aVaryingRateIsNoted() {
    SampledVideo video = read("varying.mp4");
    assertEquals(16, video.count());
    assertEquals(16.695652173913043, video.frameRate());
    assertTrue(video.note().orElseThrow().startsWith("its frame rate varies: 16.70"));
  }

  @Test
  void aFileThatEndsEarlyIsJudgedUpToThere() {
    SampledVideo video = read("cut.mkv");
    assertEquals(14, video.count());
    assertEquals(List.of("b7cf7162", "e9f6e9e7", "69a49ee8"), checksums(video));
    assertTrue(video.note().orElseThrow().startsWith("ends after 14 of 24 frames"));
  }

  @Test
  void ourSamplesAreEquallyFarApart() {
    assertEquals(List.of(0, 14, 28), new Sampling(2, true).indices(29.97, 165).subList(0, 3));
    List<Integer> ours = new Sampling(2, true).indices(29.97, 165);
    for (int i = 1; i < ours.size(); i++) {
      assertEquals(14, ours.get(i) - ours.get(i - 1));
    }
    assertTrue(new Sampling(2, false).indices(29.97, 165).contains(82), "the middle frame");
    assertEquals(165, new Sampling(0, true).indices(29.97, 165).size());
  }
}
