// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.event.Level;

/** Where a generation's lines go, each with its level. */
@FunctionalInterface
public interface LineLog {
  /** Takes a line. */
  void line(Level level, String text);

  /** Lines go to SLF4J, logger {@code org.lvsa}. */
  static LineLog logger() {
    Logger logger = LoggerFactory.getLogger("org.lvsa");
    return (level, text) -> logger.atLevel(level).log(text);
  }

  /** Lines are dropped, as on all ranks but the first. */
  static LineLog none() {
    return (level, text) -> {};
  }
}
