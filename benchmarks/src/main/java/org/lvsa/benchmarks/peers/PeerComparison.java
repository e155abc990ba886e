// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.peers;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.lvsa.kernels.DType;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.pattern.FrameRange;
import org.lvsa.toolkit.pattern.Pattern;
import org.lvsa.toolkit.sweep.Environment;

/**
 * Measures one case at one width in rounds, in which the contestants take turns: every other round
 * goes backwards, so that a steady drift meets all alike.
 *
 * @param settings what is the same for all cases
 * @param out where progress goes
 */
record PeerComparison(Settings settings, PrintWriter out) {
  /** A library's threads go on spinning for a while after their work, at the next one's cost. */
  private static final long REST_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  /** The kernel of this build. */
  static final String OURS = "ours";

  /** The kernel of another build. */
  static final String BEFORE = "before";

  /** The kernel of this build with inputs stored as F32. */
  static final String OURS_F32 = "ours f32";

  /** PyTorch. */
  static final String TORCH = "torch";

  /**
   * What is the same for all cases.
   *
   * @param file results, one round a line
   * @param threads of each contestant
   * @param before jar of another build's {@code kernels/cpu}; null for none
   * @param python the interpreter that has PyTorch; null to leave PyTorch out
   * @param leastBusy share of its threads that a contestant has to have had for a round to count
   * @param rounds how many a case gets, those of earlier calls included
   * @param endNanos no round starts later, on the clock of {@link System#nanoTime}
   */
  record Settings(
      Path file,
      int threads,
      Path before,
      Path python,
      double leastBusy,
      int rounds,
      long endNanos) {
    boolean timeIsOver() {
      return System.nanoTime() - endNanos >= 0;
    }
  }

  /** Measures until the case has its rounds, or the time is over. */
  void run(PeerCase peerCase, PeerWidth width) throws IOException {
    List<PeerRound> earlier =
        PeerRound.read(settings.file()).stream()
            .filter(round -> round.isOf(peerCase, width, settings.threads(), names(peerCase)))
            .toList();
    int left = settings.rounds() - earlier.size();
    String title = width.bits() + " bits, " + peerCase.name();
    if (left <= 0 || settings.timeIsOver()) {
      out.println(title + ": " + earlier.size() + " rounds are there");
      return;
    }
    out.println(title + ": starting " + String.join(", ", names(peerCase)));
    Map<String, Peer> peers = new LinkedHashMap<>();
    try {
      for (String name : names(peerCase)) {
        peers.put(name, start(name, peerCase, width));
      }
      int counted = 0;
      for (int i = 0; counted < left && !settings.timeIsOver(); i++) {
        PeerRound round = round(peerCase, width, peers, i % 2 == 1);
        boolean counts = round.leastBusy() >= settings.leastBusy();
        if (counts) {
          round.append(settings.file());
          counted++;
        }
        String number = counts ? "round " + (earlier.size() + counted) : "disturbed, not counted";
        out.println(title + ", " + number + ": " + round.inWords());
        out.flush();
      }
    } finally {
      peers.values().forEach(Peer::close);
    }
  }

  private List<String> names(PeerCase peerCase) {
    List<String> names = new ArrayList<>(List.of(OURS));
    if (settings.before() != null) {
      names.add(BEFORE);
    }
    if (peerCase.dtype() != DType.F32) {
      names.add(OURS_F32);
    } else if (settings.python() != null) {
      names.add(TORCH);
    }
    return names;
  }

  private Peer start(String name, PeerCase peerCase, PeerWidth width) throws IOException {
    return switch (name) {
      case TORCH ->
          new Peer(name, torch(), width.torchVariables(), torchProblem(peerCase, width).toString());
      case OURS_F32 -> java(name, peerCase.withDtype(DType.F32), width, "");
      case BEFORE -> java(name, peerCase, width, settings.before() + ":");
      default -> java(name, peerCase, width, "");
    };
  }

  private List<String> torch() {
    Path home = Path.of(System.getProperty("lvsa.home", "."));
    return List.of(
        settings.python().toString(), home.resolve("benchmarks/peers/torch_peer.py").toString());
  }

  /** What PyTorch's contestant has to know. */
  private ObjectNode torchProblem(PeerCase peerCase, PeerWidth width) {
    Pattern pattern = peerCase.pattern();
    ObjectNode told = Json.object();
    told.put("threads", settings.threads());
    told.put("tokens", peerCase.shape().tokens());
    told.put("patches", peerCase.patches());
    told.put("heads", peerCase.heads());
    told.put("headDim", peerCase.headDim());
    told.put("dtype", peerCase.dtype().name());
    width.torchVariables().keySet().stream().sorted().forEach(told.putArray("variables")::add);
    pattern.globalFrames().forEach(told.putArray("globalFrames")::add);
    var windows = told.putArray("windowFrames");
    for (FrameRange window : pattern.windows()) {
      var frames = windows.addArray();
      for (int frame = window.first(); frame <= window.last(); frame++) {
        if (!pattern.globalFrames().contains(frame)) {
          frames.add(frame);
        }
      }
    }
    return told;
  }

  private Peer java(String name, PeerCase peerCase, PeerWidth width, String firstOnClassPath)
      throws IOException {
    List<String> line = new ArrayList<>();
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    line.addAll(width.jvmFlags());
    line.addAll(
        List.of(
            "-XX:ActiveProcessorCount=" + settings.threads(),
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-Xlog:disable",
            "-cp",
            firstOnClassPath + System.getProperty("java.class.path"),
            AttentionPeer.class.getName(),
            peerCase.name()));
    Peer peer = new Peer(name, line, Map.of(), "");
    String lanes = "f32x" + width.bits() / Float.SIZE + "-";
    if (!peer.hello().path("kernel").asText().contains(lanes)) {
      peer.close();
      throw new IllegalArgumentException(
          width.bits()
              + " bits are more than this processor has: the kernel is "
              + peer.hello().path("kernel").asText());
    }
    return peer;
  }

  private PeerRound round(
      PeerCase peerCase, PeerWidth width, Map<String, Peer> peers, boolean backwards)
      throws IOException {
    TreeMap<String, PeerTime> times = new TreeMap<>();
    for (String what : backwards ? List.of("sparse", "dense") : List.of("dense", "sparse")) {
      List<String> order = new ArrayList<>(peers.keySet());
      for (String name : backwards ? order.reversed() : order) {
        LockSupport.parkNanos(REST_NANOS);
        times.put(name + " " + what, peers.get(name).measure(what));
      }
    }
    TreeMap<String, String> contestants = new TreeMap<>();
    peers.forEach((name, peer) -> contestants.put(name, peer.hello().path("kernel").asText()));
    return new PeerRound(
        peerCase.name(),
        width.bits(),
        settings.threads(),
        Environment.commit(),
        contestants,
        times,
        ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage(),
        Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
  }
}
