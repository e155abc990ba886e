// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.layers;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.convolution_forward;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.post_ops;
import org.bytedeco.dnnl.primitive_attr;
import org.bytedeco.dnnl.reorder;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.lvsa.toolkit.weights.WeightTensor;

/**
 * A convolution by oneDNN, which chooses the layout of the weights itself; they are brought into it
 * once for every layout that the sizes in use ask for, which is one as a rule. Frames stay in the
 * toolkit's layout with channels last.
 */
final class OneDnnConv implements ConvKernel {
  private final ConvGeometry geometry;
  private final WeightTensor weight;
  private final FloatPointer bias;
  private final memory.desc plainWeight;
  private final memory.desc biasDesc;
  private final memory biasMemory;
  private final Map<Case, Compiled> compiled = new HashMap<>();

  /** What oneDNN's code for a convolution depends on. */
  private record Case(int frames, int zeroFrames, int height, int width, boolean add) {}

  /** Code for one case, the layouts of what it reads and writes, and the weights in its layout. */
  private record Compiled(
      convolution_forward convolution, memory.desc source, memory.desc result, memory weight) {}

  /** The processor and the order of calls, made once for the process. */
  private static final class Cpu {
    static final engine ENGINE = new engine(engine.kind.cpu, 0);
    static final stream STREAM = new stream(ENGINE);
  }

  /** Whether oneDNN's native code can be loaded on this machine. */
  static boolean isAvailable() {
    try {
      return Cpu.ENGINE != null;
    } catch (LinkageError e) {
      return false;
    }
  }

  OneDnnConv(ConvGeometry geometry, WeightTensor weight, float[] bias) {
    this.geometry = geometry;
    this.weight = weight;
    this.bias = new FloatPointer(bias);
    plainWeight = weightDesc(flat() ? memory.format_tag.oihw : memory.format_tag.oidhw);
    biasDesc =
        new memory.desc(new long[] {geometry.out()}, memory.data_type.f32, memory.format_tag.x);
    biasMemory = new memory(biasDesc, Cpu.ENGINE, this.bias);
  }

  /** Frames do not mix: each is an image of its own to oneDNN. */
  private boolean flat() {
    return geometry.kernelFrames() == 1 && geometry.frameStride() == 1;
  }

  private memory.desc weightDesc(memory.format_tag layout) {
    ConvGeometry g = geometry;
    long[] sizes =
        flat()
            ? new long[] {g.out(), g.in(), g.kernelHeight(), g.kernelWidth()}
            : new long[] {g.out(), g.in(), g.kernelFrames(), g.kernelHeight(), g.kernelWidth()};
    return new memory.desc(sizes, memory.data_type.f32, layout);
  }

  private memory.desc desc(long frames, long height, long width, long channels) {
    return flat()
        ? new memory.desc(
            new long[] {frames, channels, height, width},
            memory.data_type.f32,
            memory.format_tag.nhwc)
        : new memory.desc(
            new long[] {1, channels, frames, height, width},
            memory.data_type.f32,
            memory.format_tag.ndhwc);
  }

  @Override
  public void run(Volume in, int zeroFrames, Volume out, boolean add) {
    // An image of its own to oneDNN has no frames in front, so zeros become results of zeros.
    if (flat() && zeroFrames > 0) {
      throw new IllegalArgumentException("a kernel of one frame takes no frames in front");
    }
    Compiled code =
        compiled.computeIfAbsent(
            new Case(in.frames(), zeroFrames, in.height(), in.width(), add), this::compile);
    try (memory source = new memory(code.source(), Cpu.ENGINE, new Address(in.memory()));
        memory result = new memory(code.result(), Cpu.ENGINE, new Address(out.memory()));
        IntMemoryMap arguments = new IntMemoryMap()) {
      arguments.put(dnnl.DNNL_ARG_SRC, source);
      arguments.put(dnnl.DNNL_ARG_WEIGHTS, code.weight());
      arguments.put(dnnl.DNNL_ARG_BIAS, biasMemory);
      arguments.put(dnnl.DNNL_ARG_DST, result);
      code.convolution().execute(Cpu.STREAM, arguments);
      Cpu.STREAM._wait();
    }
  }

  private Compiled compile(Case sizes) {
    ConvGeometry g = geometry;
    memory.desc source = desc(sizes.frames(), sizes.height(), sizes.width(), g.in());
    memory.desc result =
        desc(
            g.framesOut(sizes.frames(), sizes.zeroFrames()),
            g.heightOut(sizes.height()),
            g.widthOut(sizes.width()),
            g.out());
    long[] strides =
        flat()
            ? new long[] {g.stride(), g.stride()}
            : new long[] {g.frameStride(), g.stride(), g.stride()};
    long[] before =
        flat()
            ? new long[] {g.before(), g.before()}
            : new long[] {sizes.zeroFrames(), g.before(), g.before()};
    long[] after =
        flat() ? new long[] {g.after(), g.after()} : new long[] {0, g.after(), g.after()};
    try (primitive_attr attributes = new primitive_attr();
        post_ops afterwards = new post_ops()) {
      if (sizes.add()) {
        afterwards.append_sum();
        attributes.set_post_ops(afterwards);
      }
      try (convolution_forward.primitive_desc description =
          new convolution_forward.primitive_desc(
              Cpu.ENGINE,
              dnnl.prop_kind.forward_inference,
              dnnl.algorithm.convolution_direct,
              source,
              weightDesc(memory.format_tag.any),
              biasDesc,
              result,
              strides,
              before,
              after,
              attributes,
              false)) {
        return new Compiled(
            new convolution_forward(description),
            source,
            result,
            weightAs(description.weights_desc()));
      }
    }
  }

  /** The weights in a layout: those already there, where another case has the same. */
  private memory weightAs(memory.desc layout) {
    for (Compiled other : compiled.values()) {
      if (other.weight().get_desc().equals(layout)) {
        return other.weight();
      }
    }
    memory ordered = new memory(layout, Cpu.ENGINE);
    try (Arena arena = Arena.ofShared();
        memory plain = new memory(plainWeight, Cpu.ENGINE, new Address(floats(arena)));
        reorder toLayout = new reorder(plain, ordered)) {
      toLayout.execute(Cpu.STREAM, plain, ordered);
      Cpu.STREAM._wait();
    }
    weight.release();
    return ordered;
  }

  /** The weights as float32: where they lie, or a copy for as long as {@code arena} lives. */
  private MemorySegment floats(Arena arena) {
    if (weight.isNativeFloat32()) {
      return weight.data();
    }
    MemorySegment wide = arena.allocate(weight.elements() * Float.BYTES, 64);
    weight.widen(0, wide);
    return wide;
  }

  @Override
  public void close() {
    for (Compiled code : compiled.values()) {
      code.convolution().close();
      code.weight().close();
      code.source().close();
      code.result().close();
    }
    compiled.clear();
    biasMemory.close();
    biasDesc.close();
    plainWeight.close();
    bias.close();
  }

  /** Memory that somebody else owns, as JavaCPP passes it to native code. */
  private static final class Address extends FloatPointer {
    Address(MemorySegment memory) {
      super((Pointer) null);
      address = memory.address();
    }
  }
}
