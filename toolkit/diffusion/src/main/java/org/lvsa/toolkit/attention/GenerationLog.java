// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.attention;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.event.Level;

/** The lines of one generation. What would be said again at every block is said once. */
final class GenerationLog {
  private final LineLog lines;
  private final Set<String> said = ConcurrentHashMap.newKeySet();

  GenerationLog(LineLog lines) {
    this.lines = lines;
  }

  /** Logs a line every time. */
  void always(String line) {
    lines.line(Level.INFO, line);
  }

  /** Logs a line the first time. */
  void once(Level level, String line) {
    onceAbout(line, level, line);
  }

  /** Logs the first line about a subject. */
  void onceAbout(String subject, Level level, String line) {
    if (isNew(subject)) {
      lines.line(level, line);
    }
  }

  /** Whether a subject comes up for the first time. */
  boolean isNew(String subject) {
    return said.add(subject);
  }
}
