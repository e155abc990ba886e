// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.bytedeco.javacpp.Pointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.INDArrayIndex;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** ND4J's tensors as the plain memory that kernels see, without a copy, and back. */
public final class NdMemory {
  private NdMemory() {}

  /**
   * The memory of a tensor. Writing to it writes to the tensor. Valid as long as the tensor is.
   *
   * @param tensor row-major, contiguous, on the CPU
   * @throws IllegalArgumentException if its elements do not lie one after another
   */
  @SuppressWarnings("restricted") // the address and the size are ND4J's own
  public static MemorySegment view(INDArray tensor) {
    if (tensor.ordering() != 'c' || tensor.isView() && !contiguous(tensor)) {
      throw new IllegalArgumentException(
          "tensor must be row-major and contiguous, got order "
              + tensor.ordering()
              + " and strides "
              + Arrays.toString(tensor.stride())
              + ": dup('c') makes it so");
    }
    Pointer pointer = tensor.data().addressPointer();
    long bytes = tensor.length() * tensor.dataType().width();
    return MemorySegment.ofAddress(pointer.address()).reinterpret(bytes);
  }

  private static boolean contiguous(INDArray tensor) {
    long expected = 1;
    for (int axis = tensor.rank() - 1; axis >= 0; axis--) {
      if (tensor.size(axis) != 1 && tensor.stride(axis) != expected) {
        return false;
      }
      expected *= tensor.size(axis);
    }
    return true;
  }

  /** A copy of a tensor's elements in row-major order, whatever its order, type and strides. */
  public static float[] floats(INDArray tensor) {
    return view(rowMajor(tensor)).toArray(ValueLayout.JAVA_FLOAT);
  }

  /** A tensor as row-major, contiguous float32: itself where it is that, else a copy. */
  public static INDArray rowMajor(INDArray tensor) {
    INDArray floats = tensor.castTo(DataType.FLOAT);
    return floats.ordering() == 'c' && !floats.isView() ? floats : floats.dup('c');
  }

  /** A copy of some tokens of {@code [batch, tokens, …]}. */
  public static INDArray tokens(INDArray all, long first, long end) {
    INDArrayIndex[] indices = new INDArrayIndex[all.rank()];
    Arrays.fill(indices, NDArrayIndex.all());
    indices[1] = NDArrayIndex.interval(first, end);
    return all.get(indices).dup('c');
  }

  /** A copy of a float32 tensor. ND4J's own copy waits for all of its threads. */
  public static INDArray copy(INDArray rowMajor) {
    return copy(view(rowMajor), rowMajor.shape());
  }

  /** A float32 tensor of that shape with a copy of the memory. */
  public static INDArray copy(MemorySegment floats, long... shape) {
    INDArray tensor = Nd4j.createUninitialized(DataType.FLOAT, shape);
    MemorySegment view = view(tensor);
    if (view.byteSize() != floats.byteSize()) {
      throw new IllegalArgumentException(
          "shape "
              + Arrays.toString(shape)
              + " holds "
              + view.byteSize()
              + " bytes, the memory has "
              + floats.byteSize());
    }
    view.copyFrom(floats);
    return tensor;
  }
}
