// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.lvsa.kernels.DType;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

class NdMemoryTest {
  @Test
  void aViewIsTheTensorItself() {
    INDArray tensor = Nd4j.arange(24).castTo(DataType.FLOAT).reshape('c', 2, 3, 4);
    MemorySegment view = NdMemory.view(tensor);
    assertEquals(24 * Float.BYTES, view.byteSize());
    assertEquals(17f, DType.F32.get(view, 17));
    DType.F32.set(view, 5, -1f);
    assertEquals(-1f, tensor.getFloat(0, 1, 1));
  }

  @Test
  void aSliceInOnePieceIsAViewToo() {
    INDArray tensor = Nd4j.arange(24).castTo(DataType.FLOAT).reshape('c', 2, 3, 4);
    MemorySegment second = NdMemory.view(tensor.get(NDArrayIndex.point(1)));
    assertEquals(12f, DType.F32.get(second, 0));
  }

  @Test
  void whatLiesScatteredIsRefused() {
    INDArray tensor = Nd4j.arange(24).castTo(DataType.FLOAT).reshape('c', 2, 3, 4);
    INDArray column = tensor.get(NDArrayIndex.all(), NDArrayIndex.all(), NDArrayIndex.point(1));
    assertTrue(
        assertThrows(IllegalArgumentException.class, () -> NdMemory.view(column))
            .getMessage()
            .startsWith("tensor must be row-major and contiguous"));
  }

  @Test
  void copiesGoBack() {
    INDArray tensor = Nd4j.rand(DataType.FLOAT, 3, 5);
    assertEquals(tensor, NdMemory.copy(NdMemory.view(tensor), 3, 5));
    assertThrows(IllegalArgumentException.class, () -> NdMemory.copy(NdMemory.view(tensor), 4, 5));
  }
}
