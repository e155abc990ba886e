// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.peers;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.lvsa.kernels.AttentionInputs;
import org.lvsa.kernels.AttentionKernel;
import org.lvsa.kernels.AttentionOutput;
import org.lvsa.kernels.AttentionProblem;
import org.lvsa.kernels.KernelOptions;
import org.lvsa.toolkit.backend.Backends;
import org.lvsa.toolkit.input.Activations;
import org.lvsa.toolkit.input.InputSource;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.model.Models;
import org.lvsa.toolkit.model.PatchGrid;

/**
 * The contestant in Java, a process of its own. It says in one line of JSON which kernel and device
 * it is, and from then on answers each line {@code dense} or {@code sparse} with the milliseconds
 * that the attention took on the clock and in CPU time.
 */
final class AttentionPeer {
  private static final long WARM_NANOS = 3_000_000_000L;

  /** A measurement is repeated until it has taken as long, and its median counts. */
  private static final double LONG_MILLIS = 600;

  private static final int MOST_RUNS = 5;

  private final AttentionKernel kernel;
  private final AttentionProblem dense;
  private final AttentionProblem sparse;
  private final AttentionOutput output;

  private AttentionPeer(PeerCase peerCase, AttentionKernel kernel, Arena arena) {
    this.kernel = kernel;
    Activations made =
        Activations.of(
            new InputSource.RandomNumbers(),
            peerCase.shape(),
            peerCase.dtype(),
            Models.named("wan2.1-1.3b"),
            PatchGrid.of(peerCase.patches()),
            1,
            arena);
    AttentionInputs inputs =
        new AttentionInputs(
            peerCase.shape(), peerCase.dtype(), made.query(), made.key(), made.value());
    sparse = new AttentionProblem(inputs, peerCase.pattern().layout());
    dense = sparse.dense();
    output = AttentionOutput.allocate(peerCase.shape(), arena);
  }

  /** Answers until standard input ends. The argument is the case's name. */
  public static void main(String[] arguments) throws IOException {
    PeerCase peerCase = PeerCase.parse(arguments[0]);
    try (Arena arena = Arena.ofShared();
        AttentionKernel kernel =
            Backends.named("vector", System.err::println).open(KernelOptions.DEFAULT)) {
      String name = new AttentionPeer(peerCase.small(), kernel, arena).warmUp();
      AttentionPeer peer = new AttentionPeer(peerCase, kernel, arena);
      ObjectNode hello = Json.object();
      hello.put("kernel", name);
      hello.put("device", kernel.device());
      System.out.println(hello);
      BufferedReader lines =
          new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        System.out.println(peer.measure(line.equals("dense") ? peer.dense : peer.sparse));
      }
    }
  }

  private String warmUp() {
    long start = System.nanoTime();
    String name;
    do {
      name = kernel.run(dense, output).kernel();
      kernel.run(sparse, output);
    } while (System.nanoTime() - start < WARM_NANOS);
    return name;
  }

  private PeerTime measure(AttentionProblem problem) {
    List<PeerTime> times = new ArrayList<>();
    double sum = 0;
    while (times.isEmpty() || (times.size() < MOST_RUNS && sum < LONG_MILLIS)) {
      long cpu = cpuNanos();
      long start = System.nanoTime();
      kernel.run(problem, output);
      double millis = (System.nanoTime() - start) / 1e6;
      times.add(new PeerTime(millis, (cpuNanos() - cpu) / 1e6));
      sum += millis;
    }
    return PeerTime.median(times);
  }

  private static long cpuNanos() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getProcessCpuTime();
  }
}
