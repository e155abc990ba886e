// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.weights.WeightTensor;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * The embeddings of a text encoder's tokens, one row of a table each.
 *
 * @param table {@code [vocabulary, width]}, F32, F16 or BF16
 */
public record Embedding(WeightTensor table) {
  /**
   * Looks tokens up.
   *
   * @param ids tokens of each text, the same number for each
   * @return {@code [texts, tokens, width]}, float32
   * @throws IllegalArgumentException if a token has no row
   */
  public INDArray of(int[][] ids) {
    int vocabulary = table.size(0);
    int width = table.size(1);
    INDArray out =
        Nd4j.createUninitialized(DataType.FLOAT, new long[] {ids.length, ids[0].length, width});
    MemorySegment memory = NdMemory.view(out);
    float[] row = new float[width];
    long at = 0;
    for (int[] text : ids) {
      for (int id : text) {
        if (id < 0 || id >= vocabulary) {
          throw new IllegalArgumentException(
              "the tokenizer gives token "
                  + id
                  + ", the text encoder knows 0 to "
                  + (vocabulary - 1)
                  + ": they are not of the same model");
        }
        table.widen((long) id * width, row);
        MemorySegment.copy(row, 0, memory, ValueLayout.JAVA_FLOAT, at, width);
        at += (long) width * Float.BYTES;
      }
    }
    return out;
  }
}
