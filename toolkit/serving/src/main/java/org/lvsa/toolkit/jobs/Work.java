// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.jobs;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;

/** Something that a {@link JobRunner} makes, and who is told of it. */
public interface Work {
  /** What is made. */
  VideoRequest request();

  /** The pictures that came with the request: PNG files. */
  Map<PictureRole, Path> pictures();

  /** Where it is written. */
  Path file();

  /** It runs. */
  void started();

  /** It comes along. */
  void progress(int percent);

  /**
   * It is made.
   *
   * @param seconds that it took
   * @throws IOException if its file cannot be kept
   */
  void made(VideoMaker.Made what, double seconds) throws IOException;

  /** It will not be made. */
  void failed(JobError error);
}
