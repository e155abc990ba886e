// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.List;
import org.lvsa.kernels.tornado.Activations.Norm;
import org.lvsa.kernels.tornado.Activations.Rotary;
import org.lvsa.kernels.tornado.Activations.Tokens;
import org.lvsa.kernels.transformer.TransformerVideo;
import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * The tasks of a transformer whose video and text share their layers, besides matrix products and
 * attention. {@link FloatSharedBlockKernels} says what each of them does, and what modulations are.
 *
 * @param tasks takes them
 * @param videoTokens tokens of the video, behind which the text's are
 */
record SharedBlockTasks<A extends TornadoNativeArray>(
    GraphTasks tasks, SharedBlockKernels<A> kernels, int videoTokens) {

  /** Adds {@link FloatSharedBlockKernels#modulate}. */
  void modulate(String name, Tokens x, Norm norm, FloatArray modulations, A out) {
    tasks.perRow(name, x.count(), x.width());
    tasks
        .graph()
        .task(
            name,
            kernels.modulate(),
            new KernelContext(),
            x.x(),
            norm.weight(),
            norm.bias(),
            modulations,
            out,
            videoTokens,
            x.width(),
            x.eps());
  }

  /**
   * Adds {@link FloatSharedBlockKernels#addModulate}.
   *
   * @param earlier the modulations with the gate of {@code y}
   */
  void addModulate(
      String name, Tokens x, A y, FloatArray earlier, Norm norm, FloatArray modulations, A out) {
    tasks.perRow(name, x.count(), x.width());
    tasks
        .graph()
        .task(
            name,
            kernels.addModulate(),
            new KernelContext(),
            x.x(),
            y,
            earlier,
            norm.weight(),
            norm.bias(),
            modulations,
            out,
            videoTokens,
            x.width(),
            x.eps());
  }

  /** Adds {@link FloatSharedBlockKernels#addGated}. */
  void addGated(String name, Tokens x, A y, FloatArray modulations) {
    tasks.perRow(name, x.count(), x.width());
    tasks
        .graph()
        .task(
            name,
            kernels.addGated(),
            new KernelContext(),
            x.x(),
            y,
            modulations,
            videoTokens,
            x.width());
  }

  /**
   * Adds {@link FloatSharedBlockKernels#normHeads}.
   *
   * @param tokens of video and text
   * @param rotary of the video's tokens; the norm's eps is there too
   */
  void normHeads(String name, A x, int tokens, Norm norm, Rotary rotary) {
    int heads = rotary.width() / rotary.headDim();
    int all = Math.multiplyExact(tokens, heads);
    tasks.perRow(name, Math.ceilDiv(all, RowThreads.HEADS));
    tasks
        .graph()
        .task(
            name,
            kernels.normHeads(),
            new KernelContext(),
            x,
            norm.weight(),
            norm.bias(),
            rotary.turns(),
            all,
            rotary.turning() ? videoTokens * heads : 0,
            heads,
            rotary.headDim(),
            rotary.eps(),
            rotary.frames(),
            rotary.rows(),
            rotary.columns(),
            rotary.axes().frames(),
            rotary.axes().rows());
  }

  /**
   * Adds {@link FloatSharedBlockKernels#place}.
   *
   * @param text {@code [textTokens, width]}
   */
  void place(String name, A text, Tokens x) {
    tasks.perThread(name, text.getSize());
    tasks
        .graph()
        .task(
            name,
            kernels.place(),
            new KernelContext(),
            text,
            x.x(),
            Math.multiplyExact(videoTokens, x.width()),
            text.getSize());
  }

  /**
   * Adds {@link FloatSharedBlockKernels#addPositions}.
   *
   * @param tables of the features of frames, rows and columns
   */
  static void addPositions(
      GraphTasks tasks, FloatArray x, FloatArray tables, TransformerVideo video, int width) {
    tasks.perThread("positions", Math.multiplyExact(video.tokens(), width));
    tasks
        .graph()
        .task(
            "positions",
            FloatSharedBlockKernels::addPositions,
            new KernelContext(),
            x,
            tables,
            video.frames(),
            video.rows(),
            video.columns(),
            width);
  }

  /**
   * Adds {@link FloatSharedBlockKernels#headIn}.
   *
   * @param x the video's tokens
   * @param norms one after the other
   * @param modulations shift and scale
   */
  static void headIn(
      GraphTasks tasks, Tokens x, List<Norm> norms, FloatArray modulations, FloatArray out) {
    tasks.perRow("headIn", x.count(), x.width());
    tasks
        .graph()
        .task(
            "headIn",
            FloatSharedBlockKernels::headIn,
            new KernelContext(),
            x.x(),
            norms.getFirst().weight(),
            norms.getFirst().bias(),
            norms.getLast().weight(),
            norms.getLast().bias(),
            modulations,
            out,
            x.width(),
            x.eps());
  }
}
