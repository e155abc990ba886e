// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.lvsa.kernels.AttentionBackend;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.io.Messages;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExecutionException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Entry point of {@code ./lvsa}. */
@Command(
    name = "lvsa",
    description = "Sparse-window attention for long-video diffusion: patterns, kernels, sweeps.",
    synopsisSubcommandLabel = "COMMAND",
    mixinStandardHelpOptions = true,
    version = "lvsa " + Lvsa.VERSION,
    subcommands = {
      DevicesCommand.class,
      PatternCommand.class,
      AttendCommand.class,
      SweepCommand.class,
      ReportCommand.class,
      ConfigCommand.class,
      GenerateCommand.class,
      EvaluateCommand.class,
      ServeCommand.class,
      ModelsCommand.class,
      DemoCommand.class,
      CalibrateCommand.class,
      SweepCacheCommand.class
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
  static final String VERSION = "0.1.0";
  static final int FAILED = 1;
  static final int BAD_INPUT = 2;
  static final int UNAVAILABLE = 3;

  private static final int LONGEST_MESSAGE = 1000;

  @CommandLine.Spec private CommandSpec spec;

  private final Map<String, String> environment;

  /** With the environment of the process. */
  public Lvsa() {
    this(System.getenv());
  }

  private Lvsa(Map<String, String> environment) {
    this.environment = environment;
  }

  /** Runs a command and exits with its code. */
  public static void main(String[] arguments) {
    CheckedOutput out = new CheckedOutput(new FileOutputStream(FileDescriptor.out));
    System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
    // Whatever the machine's language: results are read by programs.
    Locale.setDefault(Locale.ROOT);
    int code = run(arguments);
    System.exit(code == 0 && isLost(out) ? FAILED : code);
  }

  /** Says that output was lost. A reader that wants no more, as {@code head}, loses nothing. */
  private static boolean isLost(CheckedOutput out) {
    Optional<String> reason =
        out.failure().map(Messages::reason).filter(text -> !text.contains("Broken pipe"));
    reason.ifPresent(text -> System.err.println("lvsa: cannot write to standard output: " + text));
    return reason.isPresent();
  }

  /**
   * Runs a command as {@link #main} does, and returns its exit code: for notebooks and programs.
   */
  public static int run(String... arguments) {
    return run(new Lvsa(), List.of(arguments));
  }

  /** The same for a command of another module: its options, errors and exit codes are alike. */
  public static int run(Object of, List<String> arguments) {
    CommandLine command =
        configured(new CommandLine(of))
            .setOut(new PrintWriter(System.out, true, StandardCharsets.UTF_8))
            .setErr(new PrintWriter(System.err, true, StandardCharsets.UTF_8));
    int code = command.execute(arguments.toArray(String[]::new));
    command.getOut().flush();
    command.getErr().flush();
    return code;
  }

  /** The command line, as tests run it too. */
  static CommandLine commandLine(Map<String, String> environment) {
    return configured(new CommandLine(new Lvsa(environment)));
  }

  private static CommandLine configured(CommandLine command) {
    return command
        .setCaseInsensitiveEnumValuesAllowed(true)
        .setAbbreviatedOptionsAllowed(false)
        .setUsageHelpWidth(100)
        .setExecutionStrategy(Lvsa::execute)
        .setParameterExceptionHandler(Lvsa::badUsage)
        .setExecutionExceptionHandler((e, failing, result) -> failed(e, failing.getErr()));
  }

  /** The environment variables that a command of this command line sees. */
  static Map<String, String> environment(CommandSpec spec) {
    return ((Lvsa) spec.root().userObject()).environment;
  }

  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "a command is missing");
  }

  /** An {@link Error}, such as too little memory, ends in one line too. */
  private static int execute(CommandLine.ParseResult parsed) {
    try {
      return runHereOrElsewhere(parsed);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof Error error) {
        return failed(error, e.getCommandLine().getErr());
      }
      throw e;
    } catch (Error e) {
      return failed(e, parsed.commandSpec().commandLine().getErr());
    }
  }

  private static int runHereOrElsewhere(CommandLine.ParseResult parsed) {
    Optional<Map<String, String>> elsewhere =
        parsed.hasSubcommand()
            ? OwnProcess.environment(parsed.subcommand(), AttentionBackend.all())
            : Optional.empty();
    if (elsewhere.isEmpty()) {
      return new CommandLine.RunLast().execute(parsed);
    }
    try {
      return OwnProcess.run(parsed.originalArgs(), elsewhere.get());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while another process ran the command", e);
    }
  }

  private static int badUsage(ParameterException e, String[] arguments) {
    CommandLine command = e.getCommandLine();
    command.getErr().println("lvsa: " + wording(e));
    command.getErr().println("See './" + command.getCommandSpec().qualifiedName() + " --help'.");
    return BAD_INPUT;
  }

  /** Picocli's wording, with what was typed cut and the nearest name of a mistyped one. */
  private static String wording(ParameterException e) {
    if (e instanceof UnmatchedArgumentException unmatched) {
      String typed = unmatched.getUnmatched().getFirst();
      CommandSpec spec = e.getCommandLine().getCommandSpec();
      if (unmatched.isUnknownOption() && !spec.optionsMap().isEmpty()) {
        return Messages.unknown("option", typed, spec.optionsMap().keySet());
      }
      if (!spec.subcommands().isEmpty()) {
        return Messages.unknown("command", typed, spec.subcommands().keySet());
      }
    }
    return shortened(e.getMessage());
  }

  private static int failed(Throwable e, PrintWriter err) {
    err.println("lvsa: " + shortened(reason(e)));
    if (System.getenv("LVSA_DEBUG") != null) {
      e.printStackTrace(err);
    }
    return switch (e) {
      case UnavailableException ignored -> UNAVAILABLE;
      case IllegalArgumentException ignored -> BAD_INPUT;
      default -> {
        err.println("Set LVSA_DEBUG=1 for the stack trace.");
        yield FAILED;
      }
    };
  }

  private static String reason(Throwable e) {
    return switch (e) {
      case OutOfMemoryError ignored ->
          "this needs more memory than is free here: " + e.getMessage();
      case UncheckedIOException ignored -> reason(e.getCause());
      case FileSystemException file ->
          "cannot read or write " + file.getFile() + ": " + Messages.reason(file);
      default -> e.getMessage() == null ? e.toString() : e.getMessage();
    };
  }

  /** On one line, and not longer than a few lines of a terminal whatever a user typed. */
  private static String shortened(String message) {
    String line = Messages.oneLine(message);
    return line.length() <= LONGEST_MESSAGE ? line : line.substring(0, LONGEST_MESSAGE) + "…";
  }
}
