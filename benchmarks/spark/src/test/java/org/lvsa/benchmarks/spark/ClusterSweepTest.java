// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.sweep.Cell;
import org.lvsa.toolkit.sweep.ClusterSweep;
import org.lvsa.toolkit.sweep.ResultRow;
import org.lvsa.toolkit.sweep.ResultsFile;
import org.lvsa.toolkit.sweep.Status;
import org.lvsa.toolkit.sweep.SweepListener;
import org.lvsa.toolkit.sweep.SweepRunner.Resume;
import org.lvsa.toolkit.sweep.SweepSettings;

/** Sweeps on real clusters of this machine: Spark's local-cluster, and a standalone master. */
@Tag("full")
class ClusterSweepTest {
  private static final String CLASS_PATH =
      System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));

  /**
   * No group is measured before both executors are there: else the one that comes first may have
   * measured all before the other one comes.
   */
  private static final Map<String, String> BOTH =
      Map.of(
          "spark.cores.max", "2",
          "spark.scheduler.minRegisteredResourcesRatio", "1",
          "spark.scheduler.maxRegisteredResourcesWaitingTime", "300s");

  @TempDir private Path directory;

  private static SweepSettings settings(int groups) {
    return SweepSettings.defaults()
        .latentFrames(IntStream.range(0, groups).mapToObj(i -> 9 + i).toList())
        .patchesPerFrame(List.of(16))
        .sparsityScales(List.of(0.25, 1.0))
        .window(1)
        .heads(1)
        .reps(1)
        .maxSeconds(0)
        .build();
  }

  static SparkCluster connect(String master, Map<String, String> user) {
    Map<String, String> settings = new TreeMap<>(BOTH);
    settings.putAll(user);
    settings.put("spark.driver.host", "127.0.0.1");
    settings.put("spark.driver.bindAddress", "127.0.0.1");
    return new SparkCluster(SparkSettings.of(master, settings, CLASS_PATH));
  }

  private List<ResultRow> sweep(SweepSettings settings, Resume resume, ClusterSweep.Cluster cluster)
      throws IOException {
    return new ClusterSweep(settings, directory.resolve("out"), SweepListener.silent(), false)
        .run(resume, List.of("test"), cluster);
  }

  private List<ResultRow> written() {
    return ResultsFile.read(directory.resolve("out").resolve(ResultsFile.NAME));
  }

  private static Set<Cell> cells(List<ResultRow> rows) {
    return rows.stream().map(ResultRow::cell).collect(Collectors.toSet());
  }

  private static void whole(int groups, List<ResultRow> rows) {
    assertEquals(2 * groups, rows.size());
    assertEquals(2 * groups, cells(rows).size());
    rows.forEach(row -> assertEquals(Status.OK, row.status(), row.note()));
  }

  @Test
  void everyCellIsMeasuredOnceAndNamesItsExecutor() throws IOException {
    SweepSettings settings = settings(6);
    try (SparkCluster cluster = connect("local-cluster[2,1,1024]", Map.of())) {
      whole(6, sweep(settings, Resume.NO, cluster));
      List<ResultRow> rows = written();
      whole(6, rows);
      assertEquals(
          Set.of("0", "1"),
          rows.stream().map(row -> row.provenance().executor()).collect(Collectors.toSet()));
      rows.forEach(row -> assertFalse(row.provenance().host().isEmpty(), "no host"));
      // Cells of one group were measured by one executor.
      rows.stream()
          .collect(Collectors.groupingBy(row -> row.cell().latentFrames()))
          .values()
          .forEach(
              group ->
                  assertEquals(
                      1,
                      group.stream().map(row -> row.provenance().executor()).distinct().count()));
      try (Stream<Path> environments = Files.list(directory.resolve("out/environments"))) {
        assertEquals(2, environments.count());
      }

      // A driver that died left a group half written: only what is missing is added.
      List<String> lines = Files.readAllLines(directory.resolve("out").resolve(ResultsFile.NAME));
      Files.writeString(
          directory.resolve("out").resolve(ResultsFile.NAME),
          String.join("\n", lines.subList(0, 4)) + "\n" + lines.get(4).substring(0, 20));
      List<ResultRow> kept = rows.subList(0, 3);
      whole(6, sweep(settings, Resume.SAME, cluster));
      assertEquals(kept, written().subList(0, 3));
      whole(6, written());
    }
  }

  @Test
  void aGroupThatFailsThreeTimesIsRowsThatSayWhy() throws IOException {
    SweepSettings settings =
        settings(2).toBuilder().input(directory.resolve("input.safetensors").toString()).build();
    Files.writeString(directory.resolve("input.safetensors"), "no tensors");
    try (SparkCluster cluster = connect("local[2]", Map.of())) {
      List<ResultRow> rows = sweep(settings, Resume.NO, cluster);
      assertEquals(4, rows.size());
      for (ResultRow row : rows) {
        assertEquals(Status.FAILED, row.status());
        assertTrue(row.note().contains("tries failed"), row.note());
        assertTrue(row.note().contains("input.safetensors"), row.note());
      }
    }
  }

  @Test
  void anInputWithOtherBytesIsNotMeasured() throws IOException {
    Path input = Files.writeString(directory.resolve("input.safetensors"), "bytes");
    SweepSettings settings = settings(1).toBuilder().input(input.toString()).build();
    try (SparkCluster cluster = connect("local[1]", Map.of())) {
      Exception e =
          assertThrows(Exception.class, () -> cluster.measure(settings, "another checksum"));
      assertTrue(e.getMessage().contains("holds other bytes on this machine"), e.getMessage());
    }
  }

  /** The path need not exist where it is measured: spark-submit's --files brought the file. */
  @Test
  void aFileThatSparkBringsIsTheOneThatIsRead() throws Exception {
    Path brought = Files.createDirectories(directory.resolve("submitted"));
    byte[] bytes = "no tensors".getBytes(StandardCharsets.UTF_8);
    Files.write(brought.resolve("input.safetensors"), bytes);
    SweepSettings settings =
        settings(1).toBuilder()
            .input(directory.resolve("elsewhere/input.safetensors").toString())
            .build();
    String sha256 = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    Map<String, String> files =
        Map.of("spark.files", brought.resolve("input.safetensors").toString());
    try (SparkCluster cluster = connect("local[1]", files)) {
      // Its checksum is right, so what fails is reading tensors out of it, under Spark's path.
      Exception e = assertThrows(Exception.class, () -> cluster.measure(settings, sha256));
      assertTrue(e.getMessage().contains("input.safetensors"), e.getMessage());
      assertFalse(e.getMessage().contains("elsewhere"), e.getMessage());
      assertFalse(e.getMessage().contains("holds other bytes"), e.getMessage());
    }
  }

  @Test
  void anExecutorThatIsKilledLosesNothing() throws Exception {
    try (Standalone standalone = Standalone.start(directory);
        SparkCluster cluster =
            connect(
                standalone.master(),
                Map.of("spark.executor.cores", "1", "spark.executor.memory", "1g"))) {
      SweepSettings settings = settings(8).toBuilder().maxSeconds(2).build();
      CompletableFuture<Void> killer =
          CompletableFuture.runAsync(
              () -> {
                // Once rows are there, both executors work.
                while (rowsSoFar() < 2) {
                  Standalone.pause();
                }
                standalone.killAnExecutor();
              },
              Thread::startVirtualThread);
      List<ResultRow> rows = sweep(settings, Resume.NO, cluster);
      killer.join();
      whole(8, rows);
      whole(8, written());
      assertTrue(
          rows.stream().map(row -> row.provenance().executor()).distinct().count() >= 2,
          "one executor measured all");
    }
  }

  private int rowsSoFar() {
    try {
      return Files.readAllLines(directory.resolve("out").resolve(ResultsFile.NAME)).size() - 1;
    } catch (IOException e) {
      return 0;
    }
  }

  @Test
  void aDriverThatIsKilledGoesOn() throws Exception {
    SweepSettings settings = settings(6).toBuilder().maxSeconds(1).build();
    try (Standalone standalone = Standalone.start(directory)) {
      Process driver =
          Standalone.java(
              directory.resolve("driver.log"),
              List.of(
                  "org.lvsa.benchmarks.spark.SparkSweep",
                  "--master",
                  standalone.master(),
                  "--conf",
                  "spark.executor.cores=1",
                  "--conf",
                  "spark.executor.memory=1g",
                  "--conf",
                  "spark.driver.host=127.0.0.1",
                  "--conf",
                  "spark.driver.bindAddress=127.0.0.1",
                  "--latent-frames",
                  "9,10,11,12,13,14",
                  "--patches-per-frame",
                  "16",
                  "--sparsity-scales",
                  "0.25,1.0",
                  "--window",
                  "1",
                  "--heads",
                  "1",
                  "--reps",
                  "1",
                  "--max-seconds",
                  "1",
                  "-o",
                  directory.resolve("out").toString()));
      while (rowsSoFar() < 2 && driver.isAlive()) {
        Standalone.pause();
      }
      driver.destroyForcibly();
      driver.waitFor(30, TimeUnit.SECONDS);
      Set<Cell> before = new HashSet<>(cells(written()));
      assertTrue(!before.isEmpty() && before.size() < 12, before.size() + " cells");
      try (SparkCluster cluster =
          connect(
              standalone.master(),
              Map.of("spark.executor.cores", "1", "spark.executor.memory", "1g"))) {
        // The other process has this program and this machine, so the sweep goes on as it is.
        whole(6, sweep(settings, Resume.SAME, cluster));
      }
      whole(6, written());
    }
  }
}
