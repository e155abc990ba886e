// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.lvsa.kernels.decoder.DecoderWeights;
import org.lvsa.kernels.tornado.DecoderStep.AddChannels;
import org.lvsa.kernels.tornado.DecoderStep.AddRepeated;
import org.lvsa.kernels.tornado.DecoderStep.Attention;
import org.lvsa.kernels.tornado.DecoderStep.AttentionTensors;
import org.lvsa.kernels.tornado.DecoderStep.Conv;
import org.lvsa.kernels.tornado.DecoderStep.Kernel;
import org.lvsa.kernels.tornado.DecoderStep.Norm;
import org.lvsa.kernels.tornado.DecoderStep.Remember;
import org.lvsa.kernels.tornado.DecoderStep.RepeatFrames;
import org.lvsa.kernels.tornado.DecoderStep.Tell;
import org.lvsa.kernels.tornado.DecoderStep.Unpack;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.TornadoNativeArray;

/**
 * A decoder's weights as the host holds them: the device is uploaded from these arrays.
 *
 * @param products matrices of convolutions and of the attention by name; a convolution's row has
 *     the channels of each tap in the order of {@link FloatDecoderKernels#columns}, or they lie in
 *     the order of {@link ImplicitConv#weights}
 * @param norms weights of norms by name, of groups of channels their biases behind them
 */
record DecoderTensors<A extends TornadoNativeArray>(
    Map<String, Activations.Linear<A>> products, Map<String, FloatArray> norms) {
  /** What stands behind an attention's name. */
  static final String QUERY = "query";

  static final String KEY = "key";
  static final String VALUE = "value";
  static final String OUT = "proj";
  static final String NORM = "norm";

  /**
   * Reads the weights of some steps.
   *
   * @param convolutions how they are computed
   */
  static <A extends TornadoNativeArray> DecoderTensors<A> read(
      List<DecoderStep> steps,
      DecoderWeights weights,
      Activations<A> activations,
      Convolutions convolutions) {
    DecoderTensors<A> made = new DecoderTensors<>(new HashMap<>(), new HashMap<>());
    for (DecoderStep step : steps) {
      switch (step) {
        case Conv conv -> {
          made.conv(conv, weights, activations, convolutions.implicit(conv));
          conv.norm().ifPresent(norm -> made.norm(norm, conv.kernel().in(), weights, activations));
        }
        case Attention attention -> made.attention(attention, weights, activations);
        case Remember _, AddRepeated _, AddChannels _, Unpack _, Tell _, RepeatFrames _ -> {}
      }
    }
    return made;
  }

  private void norm(Norm norm, int channels, DecoderWeights weights, Activations<A> activations) {
    switch (norm) {
      case Norm.OfPixels(String name) -> norm(name, channels, weights);
      case Norm.OfGroups groups -> norm(groups, channels, weights, activations);
    }
  }

  /**
   * The channels' weights and behind them their biases; and a product that makes factors and behind
   * them terms of the latents.
   */
  private void norm(
      Norm.OfGroups norm, int channels, DecoderWeights weights, Activations<A> activations) {
    FloatArray array = new FloatArray(2 * channels);
    readBoth(
        weights,
        norm.name() + ".norm_layer.weight",
        norm.name() + ".norm_layer.bias",
        array.getSegment());
    norms.put(norm.name(), array);
    int latents = norm.latentChannels();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment rows = floats(arena, 2L * channels * latents);
      MemorySegment biases = floats(arena, 2L * channels);
      String factors = norm.name() + ".conv_y.conv";
      String terms = norm.name() + ".conv_b.conv";
      readBoth(weights, factors + ".weight", terms + ".weight", rows);
      readBoth(weights, factors + ".bias", terms + ".bias", biases);
      put(norm.name(), rows, biases, latents, 2 * channels, activations);
    }
  }

  /** Reads two tensors of one size, one behind the other. */
  private static void readBoth(
      DecoderWeights weights, String first, String second, MemorySegment to) {
    long half = to.byteSize() / 2;
    weights.read(first, to.asSlice(0, half));
    weights.read(second, to.asSlice(half, half));
  }

  private void norm(String name, int channels, DecoderWeights weights) {
    FloatArray array = new FloatArray(channels);
    weights.read(name + ".gamma", array.getSegment());
    norms.put(name, array);
  }

  private void conv(
      Conv conv,
      DecoderWeights weights,
      Activations<A> activations,
      Optional<ImplicitConv> implicit) {
    Kernel kernel = conv.kernel();
    int taps = kernel.taps();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment stored = floats(arena, (long) kernel.out() * kernel.columns());
      weights.read(conv.name() + ".weight", stored);
      MemorySegment rows = floats(arena, (long) kernel.padded() * kernel.columns());
      for (int out = 0; out < kernel.out(); out++) {
        for (int in = 0; in < kernel.in(); in++) {
          long from = ((long) out * kernel.in() + in) * taps;
          for (int tap = 0; tap < taps; tap++) {
            long to = ((long) out * taps + tap) * kernel.in() + in;
            rows.setAtIndex(
                ValueLayout.JAVA_FLOAT, to, stored.getAtIndex(ValueLayout.JAVA_FLOAT, from + tap));
          }
        }
      }
      MemorySegment bias = floats(arena, kernel.padded());
      weights.read(conv.name() + ".bias", bias.asSlice(0, (long) kernel.out() * Float.BYTES));
      MemorySegment ordered = implicit.map(its -> its.weights(rows, arena)).orElse(rows);
      put(conv.name(), ordered, bias, kernel.columns(), kernel.padded(), activations);
    }
  }

  /** The softmax's scale is put into the query's weights. */
  private void attention(Attention attention, DecoderWeights weights, Activations<A> activations) {
    int channels = attention.channels();
    String name = attention.name();
    norm(name + NORM, channels, weights);
    try (Arena arena = Arena.ofShared()) {
      long matrix = (long) channels * channels;
      MemorySegment all = floats(arena, 3 * matrix);
      MemorySegment biases = floats(arena, 3L * channels);
      read(attention.tensors(), name, weights, all, biases);
      float scale = (float) (1 / Math.sqrt(channels));
      scale(all.asSlice(0, matrix * Float.BYTES), scale);
      scale(biases.asSlice(0, (long) channels * Float.BYTES), scale);
      String[] parts = {QUERY, KEY, VALUE};
      for (int part = 0; part < parts.length; part++) {
        put(
            name + parts[part],
            all.asSlice(part * matrix * Float.BYTES, matrix * Float.BYTES),
            biases.asSlice((long) part * channels * Float.BYTES, (long) channels * Float.BYTES),
            channels,
            channels,
            activations);
      }
      MemorySegment out = floats(arena, matrix);
      MemorySegment bias = floats(arena, channels);
      String projection = name + projection(attention.tensors());
      weights.read(projection + ".weight", out);
      weights.read(projection + ".bias", bias);
      put(name + OUT, out, bias, channels, channels, activations);
    }
  }

  /** Reads query's, key's and value's weights one behind the other, and their biases. */
  private static void read(
      AttentionTensors tensors,
      String name,
      DecoderWeights weights,
      MemorySegment all,
      MemorySegment biases) {
    List<String> parts =
        switch (tensors) {
          case JOINED -> List.of("to_qkv");
          case APART -> List.of("to_q", "to_k", "to_v");
        };
    long matrix = all.byteSize() / parts.size();
    long vector = biases.byteSize() / parts.size();
    for (int part = 0; part < parts.size(); part++) {
      weights.read(name + parts.get(part) + ".weight", all.asSlice(part * matrix, matrix));
      weights.read(name + parts.get(part) + ".bias", biases.asSlice(part * vector, vector));
    }
  }

  private static String projection(AttentionTensors tensors) {
    return switch (tensors) {
      case JOINED -> "proj";
      case APART -> "proj_out";
    };
  }

  private static void scale(MemorySegment floats, float factor) {
    for (long i = 0; i < floats.byteSize() / Float.BYTES; i++) {
      floats.setAtIndex(
          ValueLayout.JAVA_FLOAT, i, factor * floats.getAtIndex(ValueLayout.JAVA_FLOAT, i));
    }
  }

  private void put(
      String name,
      MemorySegment rows,
      MemorySegment bias,
      int in,
      int out,
      Activations<A> activations) {
    A weight = activations.array(rows.byteSize() / Float.BYTES);
    A added = activations.array(out);
    activations.write(rows, weight, 0);
    activations.write(bias, added, 0);
    products.put(name, new Activations.Linear<>(weight, added, in, out));
  }

  private static MemorySegment floats(Arena arena, long count) {
    return arena.allocate(count * Float.BYTES, 64);
  }

  /** Device memory of the weights of some steps. */
  static long bytes(List<DecoderStep> steps, Convolutions convolutions, int elementBytes) {
    long elements = 0;
    long floats = 0;
    for (DecoderStep step : steps) {
      switch (step) {
        case Conv conv -> {
          long rows = (long) conv.kernel().columns() * conv.kernel().padded();
          elements += convolutions.implicit(conv).map(ImplicitConv::weightElements).orElse(rows);
          elements += conv.kernel().padded();
          int in = conv.kernel().in();
          switch (conv.norm().orElse(null)) {
            case null -> {}
            case Norm.OfPixels _ -> floats += in;
            case Norm.OfGroups groups -> {
              floats += 2L * in;
              elements += 2L * in * (groups.latentChannels() + 1);
            }
          }
        }
        case Attention attention -> {
          elements += 4L * (attention.channels() + 1) * attention.channels();
          floats += attention.channels();
        }
        case Remember _, AddRepeated _, AddChannels _, Unpack _, Tell _, RepeatFrames _ -> {}
      }
    }
    return elements * elementBytes + floats * Float.BYTES;
  }
}
