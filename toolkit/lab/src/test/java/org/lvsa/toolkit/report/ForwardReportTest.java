// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.io.MalformedFileException;

class ForwardReportTest {
  private static final Path COMMITTED = Path.of("../../benchmarks/results/h100-pipeline");

  @TempDir private Path directory;

  private void file(String name, String... lines) throws IOException {
    Files.write(directory.resolve(name), List.of(lines));
  }

  @Test
  void medianTimesOfWholeModelsBecomeRowsAndLines() throws IOException {
    file(
        "torch.txt",
        "torch 2.11.0 21 latent frames dense: 700.0 600.0 650.0 ms, peak 5319 MiB on a card",
        "torch 2.11.0 41 latent frames per-frame: 2145.0 2155.0 ms, peak 5499 MiB on a card",
        "something else");
    file(
        "forward-some.txt",
        "== name: tjava -Xmx40g org.lvsa.kernels.tornado.TransformerSpeed 30 12 128 8960 41 30 52"
            + " 512 F16 3 .gpu/cmd/161.txt",
        "rc 0 after 27 s",
        "2300.0 ms",
        "2200.0 ms",
        "2000.0 ms",
        "with the device's clock: 2372.8 ms, of it attention 1735.8",
        "Kernels[products=cublaslt-f16, attention=tensorcore-f16-registers] on CUDA card",
        "== 30 12 128 8960 21 30 52 512 F16 5 dense cudnn",
        "740.0 ms",
        "Kernels[products=cublaslt-f16, attention=cudnn-sdpa] on CUDA card",
        "== 30 12 128 8960 21 30 52 512 F16 5 dense offload",
        "9999.0 ms",
        "Kernels[products=cublaslt-f16, attention=cudnn-sdpa] on CUDA card",
        "== 4 4 128 1024 21 12 20 512 both 2 dense cudnn",
        "18.8 ms",
        "Kernels[products=cublaslt-f16, attention=cudnn-sdpa] on CUDA card");
    file(
        "notes.txt",
        "== 30 12 128 8960 21 30 52 512 F16 5 dense",
        "1.0 ms",
        "Kernels[attention=x]");
    assertEquals(
        List.of(
            "| video frames | attention | ours, kernel in Java, s | ours, cuDNN, s | PyTorch, s |",
            "|---|---|---|---|---|",
            "| 81 | dense | | 0.74 | 0.65 |",
            "| 161 | LVSA | 2.20 | | 2.15 |"),
        ForwardReport.write(directory, Assertions::fail));
    assertTrue(Files.size(directory.resolve("forward.png")) > 1000);
    Plot plot = ForwardReport.plot(ForwardRun.read(directory));
    assertEquals(
        List.of(
            "ours, kernel in Java, LVSA", "ours, cuDNN, dense", "PyTorch, dense", "PyTorch, LVSA"),
        plot.panels().getFirst().series().stream().map(Plot.Series::name).toList());
    assertEquals(List.of(81.0, 161.0), plot.x().ticks());
  }

  @Test
  void aFolderWithoutRunsIsRefused() throws IOException {
    file("torch.txt", "nothing");
    String said =
        assertThrows(
                MalformedFileException.class,
                () -> ForwardReport.write(directory, Assertions::fail))
            .getMessage();
    assertTrue(said.contains("no forward pass"), said);
  }

  @Test
  void theReadmeHasTheCommittedTable() throws IOException {
    String readme = Files.readString(Path.of("../../README.md"));
    for (String line : ForwardReport.table(ForwardRun.read(COMMITTED))) {
      assertTrue(readme.contains(line), "README lacks: " + line);
    }
  }
}
