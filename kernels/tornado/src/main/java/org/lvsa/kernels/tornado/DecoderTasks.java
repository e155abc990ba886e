// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import org.lvsa.kernels.tornado.DecoderStep.AddChannels;
import org.lvsa.kernels.tornado.DecoderStep.AddRepeated;
import org.lvsa.kernels.tornado.DecoderStep.Conv;
import org.lvsa.kernels.tornado.DecoderStep.Into;
import org.lvsa.kernels.tornado.DecoderStep.Kernel;
import org.lvsa.kernels.tornado.DecoderStep.Norm;
import org.lvsa.kernels.tornado.DecoderStep.Place;
import org.lvsa.kernels.tornado.DecoderStep.Remember;
import org.lvsa.kernels.tornado.DecoderStep.RepeatFrames;
import org.lvsa.kernels.tornado.DecoderStep.Unpack;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * A decoder's tasks besides matrix products, on its buffers.
 *
 * @param tasks takes them
 */
record DecoderTasks<A extends TornadoNativeArray>(
    GraphTasks tasks, DecoderKernels<A> kernels, DecoderBuffers<A> buffers) {
  /** The name of a task of a step, whose tensors have that name. */
  static String task(String tensors, String what) {
    return tensors.replace('.', '_') + what;
  }

  /**
   * Pixels of a volume.
   *
   * @param count how many
   * @param channels of each
   */
  record Pixels(FloatArray volume, int count, int channels) {}

  /**
   * Where a norm writes.
   *
   * @param rows of a frame
   * @param columns of a frame
   * @param lead frames that stand in front
   * @param border pixels at each side of a frame
   */
  record There(int rows, int columns, int lead, int border) {}

  /**
   * Adds the norm of pixels, which becomes what the next product sees.
   *
   * @param silu whether SiLU follows
   */
  void norm(String name, Pixels from, FloatArray weight, boolean silu, There there) {
    int pixels = from.count();
    tasks.perRow(name, Math.ceilDiv(pixels, FloatDecoderKernels.PIXELS));
    tasks
        .graph()
        .task(
            name,
            kernels.norm(),
            new KernelContext(),
            from.volume(),
            weight,
            buffers.seen(),
            pixels,
            from.channels(),
            silu ? 1 : 0,
            there.rows(),
            there.columns(),
            there.lead(),
            there.border());
  }

  /**
   * Adds the norm of groups of a convolution's channels, which becomes what the next product sees.
   * Factors and terms are there.
   *
   * @param weight of the channels, and their biases
   * @param border pixels at each side of a frame, behind twice as many frames in front
   */
  void groupNorm(Conv conv, Norm.OfGroups norm, FloatArray weight, int border) {
    DecoderStep.Size size = conv.size();
    int channels = conv.kernel().in();
    FloatArray volume = buffers.volume(conv.from());
    FloatArray sums = buffers.groups().sums();
    FloatArray scales = buffers.groups().scales();
    String name = task(conv.name(), "Sums");
    tasks.perRow(name, norm.groups() * FloatDecoderKernels.SLICES);
    tasks
        .graph()
        .task(
            name,
            FloatDecoderKernels::groupSums,
            new KernelContext(),
            volume,
            sums,
            buffers.state(),
            size.framePixels(),
            channels,
            channels / norm.groups(),
            counted(size));
    name = task(conv.name(), "Scales");
    tasks.perThread(name, channels);
    tasks
        .graph()
        .task(
            name,
            FloatDecoderKernels::groupScales,
            new KernelContext(),
            volume,
            sums,
            weight,
            scales,
            buffers.state(),
            size.framePixels(),
            channels,
            channels / norm.groups(),
            counted(size));
    name = task(conv.name(), "In");
    int all = Math.toIntExact(size.pixels() * channels);
    tasks.perThread(name, all);
    tasks
        .graph()
        .task(
            name,
            kernels.groupNorm(),
            new KernelContext(),
            volume,
            scales,
            buffers.groups().told(),
            buffers.seen(),
            buffers.state(),
            all,
            channels,
            size.rows(),
            size.columns(),
            border,
            size.rows() / norm.latents().rows(),
            counted(size));
  }

  /**
   * Adds what brings together all that each pixel of a convolution's result sees.
   *
   * @param own what the convolution keeps of earlier frames
   */
  void columns(String name, Conv conv, A own, int first, int pixels) {
    Kernel kernel = conv.kernel();
    int units = kernel.in() / kernels.unit();
    String task = name + "Columns";
    tasks.perThread(task, Math.multiplyExact(pixels, Math.multiplyExact(kernel.taps(), units)));
    tasks
        .graph()
        .task(
            task,
            kernels.columns(),
            new KernelContext(),
            buffers.seen(),
            own,
            buffers.zeros(),
            buffers.columns(),
            buffers.state(),
            first,
            pixels,
            conv.size().rows(),
            conv.size().columns(),
            units,
            kernel.frames(),
            kernel.side(),
            kernel.scale(),
            kernel.outside().ordinal());
  }

  /**
   * Rows of a matrix product that are pixels.
   *
   * @param first pixel
   * @param pixels how many
   * @param channels of a row that count
   * @param padded numbers of a row
   */
  record Rows(int first, int pixels, int channels, int padded) {}

  /** Adds what brings a product's rows to their pixels. */
  void spread(String name, DecoderStep.Size size, Rows rows, Into into, FloatArray to) {
    tasks.perThread(name, Math.multiplyExact(rows.pixels, rows.channels));
    tasks
        .graph()
        .task(
            name,
            kernels.spread(),
            new KernelContext(),
            buffers.products(),
            to,
            buffers.state(),
            rows.first,
            rows.pixels,
            size.framePixels(),
            rows.channels,
            rows.padded,
            into == Into.ADD ? 1 : 0,
            into == Into.TWO_FRAMES ? 1 : 0);
  }

  /** Adds what leaves a video's first latent frame as it was where frames are doubled. */
  void copyFirst(Conv conv) {
    String name = task(conv.name(), "First");
    int size = Math.multiplyExact(conv.size().framePixels(), conv.kernel().in());
    tasks.perThread(name, size);
    tasks
        .graph()
        .task(
            name,
            FloatDecoderKernels::copyFirst,
            new KernelContext(),
            buffers.volume(conv.from()),
            buffers.volume(conv.to()),
            buffers.state(),
            size);
  }

  /** Adds what keeps the last frames that a convolution saw. */
  void keep(Conv conv, A own) {
    String name = task(conv.name(), "Keep");
    int units = Math.toIntExact(conv.keptElements() / 2 / kernels.unit());
    tasks.perThread(name, units);
    tasks
        .graph()
        .task(
            name,
            kernels.keep(),
            new KernelContext(),
            buffers.seen(),
            own,
            buffers.zeros(),
            buffers.state(),
            counted(conv.size()),
            units,
            conv.into() == Into.TWO_FRAMES ? 1 : 0,
            conv.kernel().outside().ordinal());
  }

  /** Where the state has the number of frames of a volume that count. */
  static int counted(DecoderStep.Size size) {
    return DecoderState.COUNTED + size.doublings();
  }

  /**
   * What a latent frame has of a matrix whose columns are those of all latent frames.
   *
   * @param rows of the matrix
   * @param each columns of a latent frame
   * @param all columns of all
   */
  record Stretch(int rows, int each, int all) {}

  /** Adds what puts a latent frame's columns behind those of earlier ones. */
  void append(String name, A from, A to, Stretch stretch) {
    tasks.perThread(name, Math.multiplyExact(stretch.rows, stretch.each));
    tasks
        .graph()
        .task(
            name,
            kernels.append(),
            new KernelContext(),
            from,
            to,
            buffers.state(),
            stretch.rows,
            stretch.each,
            stretch.all);
  }

  /** Adds the softmax of each row of a matrix, in which later frames get 0. */
  void softmax(String name, A scores, Stretch stretch) {
    tasks.perRow(name, stretch.rows);
    tasks
        .graph()
        .task(
            name,
            kernels.softmax(),
            new KernelContext(),
            scores,
            buffers.state(),
            stretch.each,
            stretch.all);
  }

  /** Adds what remembers the begin of a level. */
  void remember(Remember remember) {
    int size = Math.toIntExact(remember.size().pixels() * remember.channels());
    String name = "begin" + remember.size().rows();
    tasks.perThread(name, size);
    tasks
        .graph()
        .task(
            name,
            FloatDecoderKernels::copy,
            new KernelContext(),
            buffers.volume(remember.from()),
            buffers.volume(Place.BEGIN),
            size);
  }

  /** Adds what adds it at the level's end. */
  void addRepeated(AddRepeated add) {
    int size = Math.toIntExact(add.size().pixels() * add.channels());
    String name = "repeated" + add.size().rows();
    tasks.perThread(name, size);
    tasks
        .graph()
        .task(
            name,
            FloatDecoderKernels::addRepeated,
            new KernelContext(),
            buffers.volume(Place.BEGIN),
            buffers.volume(add.to()),
            buffers.state(),
            add.size().rows(),
            add.size().columns(),
            add.channels(),
            add.begin(),
            add.blockFrames(),
            size);
  }

  /** Adds what adds a volume to one of more channels. */
  void addChannels(AddChannels add) {
    int size = Math.toIntExact(add.size().pixels() * add.channels());
    String name = "channels" + add.channels();
    tasks.perThread(name, size);
    tasks
        .graph()
        .task(
            name,
            FloatDecoderKernels::addChannels,
            new KernelContext(),
            buffers.volume(add.from()),
            buffers.volume(add.to()),
            add.channels(),
            add.in(),
            size);
  }

  /** Adds what makes pixels of channels. */
  void unpack(Unpack unpack) {
    int size = Math.toIntExact(unpack.size().pixels() * unpack.channels());
    String name = "unpack" + unpack.size().rows();
    tasks.perThread(name, size);
    tasks
        .graph()
        .task(
            name,
            FloatDecoderKernels::unpack,
            new KernelContext(),
            buffers.volume(unpack.result()),
            buffers.volume(unpack.input()),
            buffers.volume(unpack.to()),
            buffers.state(),
            unpack.size().rows(),
            unpack.size().columns(),
            unpack.channels(),
            unpack.convolved(),
            unpack.in(),
            unpack.blockFrames(),
            size);
  }

  /** Adds what makes two frames of each. */
  void repeatFrames(RepeatFrames repeat) {
    int size = Math.toIntExact(repeat.size().pixels() * repeat.channels());
    String name = "repeat" + repeat.size().rows();
    tasks.perThread(name, size);
    tasks
        .graph()
        .task(
            name,
            FloatDecoderKernels::repeatFrames,
            new KernelContext(),
            buffers.volume(repeat.from()),
            buffers.volume(repeat.to()),
            buffers.state(),
            size / repeat.size().frames(),
            counted(repeat.size()) - 1,
            size);
  }
}
