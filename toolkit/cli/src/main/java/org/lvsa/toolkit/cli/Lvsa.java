// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.PrintWriter;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.io.MalformedFileException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ParameterException;

/** Entry point of {@code ./lvsa}. */
@Command(
    name = "lvsa",
    description = "Sparse-window attention for long-video diffusion: patterns, kernels, sweeps.",
    synopsisSubcommandLabel = "COMMAND",
    mixinStandardHelpOptions = true,
    version = "lvsa 0.1.0",
    subcommands = {
      DevicesCommand.class,
      PatternCommand.class,
      AttendCommand.class,
      SweepCommand.class,
      ReportCommand.class,
      ConfigCommand.class,
      DemoCommand.class
    },
    footer = {
      "",
      "In modules of their own, started by the launcher: lvsa bench --help, lvsa notebook --help.",
      "",
      "Examples:",
      "  ./lvsa sweep --preset quick -o out && ./lvsa report out",
      "  ./lvsa pattern --model wan2.1-1.3b --frames 161 --resolution 832x480 --format mask",
      "",
      "Exit codes: 0 done, 1 failed, 2 bad input, 3 not available here."
    })
public final class Lvsa implements Runnable {
  static final int FAILED = 1;
  static final int BAD_INPUT = 2;
  static final int UNAVAILABLE = 3;

  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  /** For picocli. */
  public Lvsa() {}

  /** Runs a command and exits with its code. */
  public static void main(String[] arguments) {
    System.exit(run(arguments));
  }

  /**
   * Runs a command as {@link #main} does, and returns its exit code: for notebooks and programs.
   */
  public static int run(String... arguments) {
    return commandLine().execute(arguments);
  }

  /** The command line, as tests run it too. */
  static CommandLine commandLine() {
    return new CommandLine(new Lvsa())
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setAbbreviatedOptionsAllowed(false)
        .setUsageHelpWidth(100)
        .setParameterExceptionHandler(Lvsa::badUsage)
        .setExecutionExceptionHandler((e, command, result) -> failed(e, command.getErr()));
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is missing");
  }

  private static int badUsage(ParameterException e, String[] arguments) {
    CommandLine command = e.getCommandLine();
    command.getErr().println("lvsa: " + oneLine(e.getMessage()));
    command.getErr().println("See './" + command.getCommandSpec().qualifiedName() + " --help'.");
    return BAD_INPUT;
  }

  private static int failed(Exception e, PrintWriter err) {
    err.println("lvsa: " + oneLine(e.getMessage() == null ? e.toString() : e.getMessage()));
    if (System.getenv("LVSA_DEBUG") != null) {
      e.printStackTrace(err);
    }
    return switch (e) {
      case UnavailableException ignored -> UNAVAILABLE;
      case MalformedFileException ignored -> BAD_INPUT;
      case IllegalArgumentException ignored -> BAD_INPUT;
      default -> {
        err.println("Set LVSA_DEBUG=1 for the stack trace.");
        yield FAILED;
      }
    };
  }

  private static String oneLine(String message) {
    return message.strip().replaceAll("\\s*\\R\\s*", " ");
  }
}
