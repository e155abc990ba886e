// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.stream.LongStream;
import org.lvsa.kernels.DType;
import uk.ac.manchester.tornado.api.types.arrays.HalfFloatArray;

/**
 * What fp16 and bf16 have in common: weights and activations lie in arrays of 16-bit numbers, which
 * the tensor-core kernels for attention read. CUDA backend, compute capability 8.0, headDim 64 or
 * 128.
 */
sealed interface SixteenBits extends Activations<HalfFloatArray>
    permits HalfActivations, Bf16Activations {
  /** Elements that a thread of the host rounds at once. */
  int CHUNK = 1 << 16;

  /** What the 16 bits of an element mean. */
  DType dtype();

  @Override
  default HalfFloatArray array(long elements) {
    return new HalfFloatArray(Math.toIntExact(elements));
  }

  @Override
  default void write(MemorySegment floats, HalfFloatArray to, long first) {
    long count = floats.byteSize() / Float.BYTES;
    MemorySegment bits = to.getSegment();
    LongStream.range(0, Math.ceilDiv(count, CHUNK))
        .parallel()
        .forEach(
            chunk -> {
              long end = Math.min(count, (chunk + 1) * CHUNK);
              for (long i = chunk * CHUNK; i < end; i++) {
                dtype().set(bits, first + i, floats.getAtIndex(ValueLayout.JAVA_FLOAT, i));
              }
            });
  }

  @Override
  default int bytes() {
    return dtype().bytes();
  }

  @Override
  default DeviceAttention<HalfFloatArray> attention(DeviceAttention.Sizes sizes) {
    return new RegisterAttention(this, sizes);
  }
}
