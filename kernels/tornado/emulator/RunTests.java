// SPDX-License-Identifier: Apache-2.0

import java.io.PrintWriter;
import java.util.Locale;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

/** Runs test classes, and says of each test how long it took. */
public final class RunTests {
  private RunTests() {}

  /**
   * Runs them.
   *
   * @param tests {@code CLASS} or {@code CLASS#METHOD}
   */
  public static void main(String[] tests) {
    LauncherDiscoveryRequestBuilder request = LauncherDiscoveryRequestBuilder.request();
    for (String test : tests) {
      request.selectors(
          test.contains("#")
              ? DiscoverySelectors.selectMethod(test)
              : DiscoverySelectors.selectClass(test));
    }
    SummaryGeneratingListener summary = new SummaryGeneratingListener();
    LauncherFactory.create().execute(request.build(), summary, new Lines());
    summary.getSummary().printTo(new PrintWriter(System.out));
    System.exit(summary.getSummary().getTotalFailureCount() == 0 ? 0 : 1);
  }

  private static final class Lines implements TestExecutionListener {
    private long start;

    @Override
    public void executionStarted(TestIdentifier test) {
      start = System.nanoTime();
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
      // A class or a method that is not found is a failed container without tests.
      if (test.isTest() || result.getStatus() == TestExecutionResult.Status.FAILED) {
        System.out.printf(
            Locale.ROOT,
            "%s %.1f s %s %s%n",
            result.getStatus(),
            (System.nanoTime() - start) / 1e9,
            test.getUniqueId().replaceAll(".*class:", ""),
            result.getThrowable().map(Throwable::toString).orElse(""));
      }
    }
  }
}
