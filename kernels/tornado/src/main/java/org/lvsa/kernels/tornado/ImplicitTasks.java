// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import org.lvsa.kernels.tornado.DecoderStep.Conv;
import org.lvsa.kernels.tornado.DecoderStep.Into;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The tasks of convolutions without columns, on a decoder's buffers.
 *
 * @param tasks takes them
 */
record ImplicitTasks<A extends TornadoNativeArray>(
    GraphTasks tasks, ImplicitKernels<A> kernels, DecoderBuffers<A> buffers) {

  /** Adds what brings frames without a norm to where they are read. */
  void place(ImplicitConv its) {
    Conv conv = its.conv();
    String name = DecoderTasks.task(conv.name(), "See");
    int channels = conv.kernel().in();
    int pairs = Math.toIntExact(conv.size().pixels() * (channels / 2));
    tasks.perThread(name, pairs);
    tasks
        .graph()
        .task(
            name,
            kernels.place(),
            new KernelContext(),
            buffers.volume(conv.from()),
            buffers.seen(),
            conv.size().rows(),
            conv.size().columns(),
            channels,
            conv.kernel().scale(),
            its.lead(),
            its.border(),
            pairs);
  }

  /**
   * Adds what writes earlier frames in front, and the border.
   *
   * @param own what the convolution keeps of earlier frames
   */
  void surround(ImplicitConv its, A own) {
    if (its.lead() == 0 && its.border() == 0) {
      return;
    }
    Conv conv = its.conv();
    String name = DecoderTasks.task(conv.name(), "Around");
    int units = conv.kernel().in() / 2;
    int frames = conv.size().frames();
    tasks.perThread(
        name,
        Math.addExact(
            Math.multiplyExact(its.lead(), its.frameUnits()),
            Math.multiplyExact(frames * its.edge(), units)));
    tasks
        .graph()
        .task(
            name,
            kernels.surround(),
            new KernelContext(),
            own,
            buffers.zeros(),
            buffers.seen(),
            buffers.state(),
            frames,
            its.rows(),
            its.columns(),
            units,
            its.lead(),
            its.edge(),
            conv.kernel().outside().ordinal());
  }

  /** Adds the convolution. */
  void convolve(ImplicitConv its, Activations.Linear<A> weights) {
    Conv conv = its.conv();
    String name = TaskTimes.product(DecoderTasks.task(conv.name(), "Conv"));
    int pixels = Math.toIntExact(conv.size().pixels());
    tasks.groups(
        name,
        conv.kernel().padded() / its.width(),
        Math.ceilDiv(pixels, ImplicitConvKernels.pixels(its.width())),
        ImplicitConvKernels.THREADS);
    tasks
        .graph()
        .task(
            name,
            kernels.widths().of(its.width()),
            new KernelContext(),
            buffers.seen(),
            weights.weight(),
            weights.bias(),
            buffers.volume(conv.to()),
            buffers.state(),
            pixels,
            conv.size().framePixels(),
            conv.size().columns(),
            conv.kernel().in(),
            conv.kernel().frames(),
            conv.kernel().side(),
            conv.kernel().out(),
            conv.into() == Into.ADD ? 1 : 0,
            conv.into() == Into.TWO_FRAMES ? 1 : 0);
  }

  /** Adds what keeps the last frames that the convolution saw. */
  void keep(ImplicitConv its, A own) {
    Conv conv = its.conv();
    String name = DecoderTasks.task(conv.name(), "Keep");
    tasks.perThread(name, Math.multiplyExact(2, its.frameUnits()));
    tasks
        .graph()
        .task(
            name,
            kernels.keep(),
            new KernelContext(),
            buffers.seen(),
            own,
            buffers.state(),
            DecoderTasks.counted(conv.size()),
            its.frameUnits(),
            conv.into() == Into.TWO_FRAMES ? 1 : 0);
  }
}
