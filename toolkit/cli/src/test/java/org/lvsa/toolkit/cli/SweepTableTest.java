// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.sweep.ResultRow;
import org.lvsa.toolkit.sweep.ResultsFile;

class SweepTableTest {
  @TempDir private Path directory;

  private List<ResultRow> rows() throws IOException {
    String csv =
        """
        model,resolution,frames,latent_frames,patches_per_frame,batch,heads,kv_heads,head_dim,dtype,\
        sparsity_scale,window,first_frames,key_frame_interval,step,global_frames,attended_min,\
        attended_mean,attended_max,density,backend,input,dense_ms,sparse_ms,speedup,rel_l2_error,\
        status,note,dense_iqr_ms,sparse_iqr_ms,speedup_low,speedup_high,rounds
        wan2.1-1.3b,832x480,81,21,1560,1,12,12,128,F32,0.5,3,1,10,0,3,10,10,10,0.476,vector,moving,\
        1234.5,567.89,2.17,0.06,ok,,1,1,2.05,2.25,6
        wan2.1-1.3b,832x480,1601,401,1560,1,12,12,128,F32,1.0,3,1,10,0,3,10,10,10,0.05,vector,moving,\
        0.04567,0.0123,3.71,0.1,ok,,1,1,3.5,4,9
        wan2.1-1.3b,832x480,321,81,1560,1,12,12,128,F32,1.0,,,,,,,,,,vector,moving,\
        ,,,,failed,OutOfMemoryError,,,,,
        """;
    return ResultsFile.read(Files.writeString(directory.resolve("results.csv"), csv));
  }

  @Test
  void whatAllRowsShareStandsAboveAndNumbersAreFlushRight() throws IOException {
    assertEquals(
        """
        wan2.1-1.3b, 832x480, vector, F32, moving
        frames  scale  speedup  95 % interval  status  dense_ms  sparse_ms  density
            81    0.5     2.17   [2.05, 2.25]  ok          1235        568    0.476
          1601    1.0     3.71   [3.50, 4.00]  ok        0.0457     0.0123    0.050
           321    1.0        -              -  failed         -          -        -
        """,
        SweepTable.of(rows(), 80));
  }

  @Test
  void columnsThatDoNotFitAreLeftOut() throws IOException {
    for (int width = 30; width < 140; width++) {
      String table = SweepTable.of(rows(), width);
      int limit = width;
      assertTrue(table.lines().skip(1).allMatch(line -> line.length() <= limit), table);
    }
    assertFalse(SweepTable.of(rows(), 80).contains("rel_l2_error"));
    assertTrue(SweepTable.of(rows(), 140).contains("rel_l2_error"));
  }

  @Test
  void whatDiffersBecomesAColumn() throws IOException {
    Path csv = directory.resolve("results.csv");
    rows();
    Files.writeString(csv, Files.readString(csv).replaceFirst(",vector,", ",nd4j,"));
    String table = SweepTable.of(ResultsFile.read(csv), 100);
    assertTrue(table.startsWith("wan2.1-1.3b, 832x480, F32, moving\nbackend  frames"), table);
  }
}
