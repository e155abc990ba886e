// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.toolkit.backend.DeviceList;
import org.lvsa.toolkit.io.ChildJvm;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/**
 * Starts a command line again, in a process that sees one device alone, where the device that it
 * names takes that.
 */
final class OwnProcess {
  private OwnProcess() {}

  /**
   * The variables of that process; empty if this one can run the command.
   *
   * @param all backends that may have the device
   */
  static Optional<Map<String, String>> environment(
      ParseResult command, List<AttentionBackend> all) {
    OptionSpec option = command.matchedOption("--device");
    // The first device of a driver needs no process of its own, and looking costs a second.
    if (option == null
        || !(option.getValue() instanceof String id)
        || !id.matches("\\d{1,4}:[1-9]\\d{0,3}")) {
      return Optional.empty();
    }
    boolean needed =
        all.stream()
            .flatMap(backend -> backend.devices().stream())
            .anyMatch(device -> device.id().equals(id) && device.ownProcess());
    return needed ? Optional.of(environment(id)) : Optional.empty();
  }

  private static Map<String, String> environment(String id) {
    Map<String, String> variables = new HashMap<>(DeviceList.onlyVisible(id, System.getenv()));
    variables.put(AttentionBackend.Device.ALONE, id);
    return variables;
  }

  /** Runs the command line there, with this process's input and output; returns its exit code. */
  static int run(List<String> arguments, Map<String, String> variables)
      throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(ChildJvm.command(Lvsa.class.getName(), arguments)).inheritIO();
    builder.environment().putAll(variables);
    Process process = builder.start();
    Thread farewell = new Thread(process::destroy);
    Runtime.getRuntime().addShutdownHook(farewell);
    int code = process.waitFor();
    Runtime.getRuntime().removeShutdownHook(farewell);
    return code;
  }
}
