// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.lvsa.kernels.Progress;
import org.lvsa.kernels.decoder.DeviceDecoder;
import org.lvsa.kernels.decoder.FrameSize;

/** A decoder that takes its turn on a device whenever it is prepared. */
record DecoderInTurn(DeviceDecoder decoder, DeviceTurns turns)
    implements DeviceDecoder, DeviceTurns.Part {
  @Override
  public String device() {
    return decoder.device();
  }

  @Override
  public String kernel() {
    return decoder.kernel();
  }

  @Override
  public void prepare(List<FrameSize> sizes, int latentFrames, Progress progress) {
    turns.take(DeviceTurns.Kind.VAE, this);
    decoder.prepare(sizes, latentFrames, progress);
    turns.ready(progress);
  }

  @Override
  public void decode(FrameSize size, boolean first, MemorySegment latents, MemorySegment frames) {
    decoder.decode(size, first, latents, frames);
  }

  @Override
  public Times measure(FrameSize size, boolean first, MemorySegment latents, MemorySegment frames) {
    return decoder.measure(size, first, latents, frames);
  }

  @Override
  public long taken() {
    return decoder.taken();
  }

  @Override
  public void release() {
    decoder.release();
  }

  @Override
  public void close() {
    decoder.close();
  }
}
