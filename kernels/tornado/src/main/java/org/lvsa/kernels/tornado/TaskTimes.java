// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.lvsa.kernels.transformer.DeviceTransformer.Work;

/**
 * Device time of tasks, read from what TornadoVM writes about them; and by kind of work, for the
 * tasks of a transformer. There a task's name tells its kind: a matrix product's begins with {@code
 * linear_}, that of a part of attention has the word in it, and all others are element-wise.
 */
final class TaskTimes {
  private static final String PRODUCT = "linear_";

  /** The begin of a task's object, or the time that the device took for it. */
  private static final Pattern ENTRY =
      Pattern.compile("\"\\w+\\.(\\w+)\": \\{|\"TASK_KERNEL_TIME\": \"(\\d+)\"");

  private TaskTimes() {}

  /** The task of a matrix product of that name. */
  static String product(String name) {
    return PRODUCT + name;
  }

  /** The kind of a task. */
  static Work kind(String task) {
    if (task.startsWith(PRODUCT)) {
      return Work.PRODUCTS;
    }
    return task.toLowerCase(Locale.ROOT).contains("attention") ? Work.ATTENTION : Work.ELEMENTWISE;
  }

  /**
   * Adds up the tasks of a log by kind.
   *
   * @param log TornadoVM's JSON documents, one behind the other
   * @param from where in the log to begin
   * @return nanoseconds by kind
   */
  static Map<Work, Long> of(String log, int from) {
    Map<Work, Long> times = new EnumMap<>(Work.class);
    byTask(log, from).forEach((task, time) -> times.merge(kind(task), time, Long::sum));
    return times;
  }

  /**
   * Adds up the tasks of a log by name.
   *
   * @param log TornadoVM's JSON documents, one behind the other
   * @param from where in the log to begin
   * @return nanoseconds by task, in the order of the log
   */
  static Map<String, Long> byTask(String log, int from) {
    Map<String, Long> times = new LinkedHashMap<>();
    Matcher entry = ENTRY.matcher(log).region(from, log.length());
    String task = "";
    while (entry.find()) {
      if (entry.group(1) != null) {
        task = entry.group(1);
      } else {
        times.merge(task, Long.parseLong(entry.group(2)), Long::sum);
      }
    }
    return times;
  }
}
