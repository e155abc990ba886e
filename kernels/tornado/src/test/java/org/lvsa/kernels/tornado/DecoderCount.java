// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.lvsa.kernels.tornado.DecoderStep.Attention;
import org.lvsa.kernels.tornado.DecoderStep.Conv;
import org.lvsa.kernels.tornado.DecoderStep.Into;

/**
 * Counts what Wan 2.1's decoder computes and moves in fp16 for a latent frame, by layer and by what
 * is done there, and what that takes at a card's rates. Nothing is measured, and no device is
 * needed.
 *
 * <pre>{@code
 * DecoderCount ROWS COLUMNS LATENT_FRAMES [TB_PER_SECOND [TFLOPS]]
 * }</pre>
 *
 * <p>A task reads each number once and writes it once: what it reads again comes from a cache.
 */
final class DecoderCount {
  private final double bytesPerSecond;
  private final double flopsPerSecond;

  private DecoderCount(double bytesPerSecond, double flopsPerSecond) {
    this.bytesPerSecond = bytesPerSecond;
    this.flopsPerSecond = flopsPerSecond;
  }

  /**
   * What is done for a layer.
   *
   * @param flops of products
   * @param columns bytes of writing and reading what each pixel sees
   * @param products bytes of the products' other operands and results, and of bringing results to
   *     their pixels
   * @param moves bytes of norms, of keeping earlier frames and of bringing them to the next product
   */
  private record Work(double flops, double columns, double products, double moves) {
    static final Work NONE = new Work(0, 0, 0, 0);

    Work plus(Work other) {
      return new Work(
          flops + other.flops,
          columns + other.columns,
          products + other.products,
          moves + other.moves);
    }
  }

  public static void main(String[] args) {
    DecoderCount count =
        new DecoderCount(
            1e12 * (args.length > 3 ? Double.parseDouble(args[3]) : 3.35),
            1e12 * (args.length > 4 ? Double.parseDouble(args[4]) : 600));
    List<DecoderStep> steps =
        DecoderSteps.of(DecoderSpeed.WAN, Integer.parseInt(args[0]), Integer.parseInt(args[1]), 1);
    int frames = Integer.parseInt(args[2]);
    for (Convolutions.Road road : Convolutions.Road.values()) {
      count.table(steps, Convolutions.of(road), frames);
    }
  }

  private void table(List<DecoderStep> steps, Convolutions convolutions, int frames) {
    System.out.printf(
        Locale.ROOT,
        "%n%s, %d latent frames%n| layers | TFLOP | GB of columns | GB of products | GB of moves |"
            + " ms at these rates |%n|---|---|---|---|---|---|%n",
        convolutions.road(),
        frames);
    Map<String, Work> rows = new LinkedHashMap<>();
    Map<String, Double> seconds = new LinkedHashMap<>();
    for (DecoderStep step : steps) {
      Work work = work(step, convolutions);
      rows.merge(layer(step), work, Work::plus);
      seconds.merge(layer(step), seconds(work, step, convolutions), Double::sum);
      rows.merge("all", work, Work::plus);
      seconds.merge("all", seconds(work, step, convolutions), Double::sum);
    }
    Work all = rows.remove("all");
    rows.put("all", all);
    rows.forEach((name, work) -> line(name, work, seconds.get(name), frames));
  }

  private static void line(String name, Work work, double seconds, int frames) {
    System.out.printf(
        Locale.ROOT,
        "| %s | %.2f | %.0f | %.0f | %.0f | %.0f |%n",
        name,
        frames * work.flops / 1e12,
        frames * work.columns / 1e9,
        frames * work.products / 1e9,
        frames * work.moves / 1e9,
        frames * seconds * 1e3);
  }

  /** Layers of one resolution are one row, but for those that change it. */
  private static String layer(DecoderStep step) {
    return switch (step) {
      case Conv conv ->
          conv.name()
              .replaceAll("resnets\\.\\d+\\.(conv\\d|conv_shortcut)", "resnets")
              .replace("decoder.", "");
      case Attention attention -> attention.name().replace("decoder.", "");
      case DecoderStep.Remember _,
          DecoderStep.AddRepeated _,
          DecoderStep.AddChannels _,
          DecoderStep.Unpack _,
          DecoderStep.Tell _,
          DecoderStep.RepeatFrames _ ->
          "shortcut";
    };
  }

  private static Work work(DecoderStep step, Convolutions convolutions) {
    return switch (step) {
      case Conv conv -> work(conv, convolutions);
      case Attention attention -> {
        double pixels = attention.size().framePixels();
        double channels = attention.channels();
        double flops = 2 * pixels * channels * (4 * channels + 2 * pixels);
        double products =
            2 * (10 * pixels * channels + 5 * pixels * pixels + 4 * channels * channels);
        yield new Work(flops, 0, products, 6 * pixels * channels);
      }
      case DecoderStep.Remember _,
          DecoderStep.AddRepeated _,
          DecoderStep.AddChannels _,
          DecoderStep.Unpack _,
          DecoderStep.Tell _,
          DecoderStep.RepeatFrames _ ->
          Work.NONE;
    };
  }

  private static Work work(Conv conv, Convolutions convolutions) {
    double pixels = conv.size().pixels();
    double out = conv.kernel().out();
    double padded = conv.kernel().padded();
    double numbers = conv.kernel().columns();
    double seen = conv.seenPixels() * (double) conv.kernel().in();
    double result = pixels * out * (conv.into() == Into.ADD ? 8 : 4);
    double weights = 2 * numbers * padded;
    double flops = 2 * pixels * numbers * padded;
    if (convolutions.implicit(conv).isPresent()) {
      ImplicitConv its = convolutions.implicit(conv).orElseThrow();
      double kept = its.keptElements();
      double own = its.seenElements() - kept;
      double moves = 4 * seen + 2 * own + 4 * kept + 4 * kept;
      return new Work(flops, 0, weights + 2 * its.seenElements() + result, moves);
    }
    double kept = conv.kernel().frames() > 1 ? conv.keptElements() : 0;
    double columns = conv.isProduct() ? 0 : 2 * (seen + kept) + 4 * pixels * numbers;
    double ofSeen = conv.isProduct() ? 2 * seen : 0;
    double products = weights + ofSeen + 4 * pixels * padded + result;
    return new Work(flops, columns, products, 4 * seen + 2 * seen + 4 * kept);
  }

  /**
   * The time of a step whose tasks run one behind the other: a product takes its arithmetic's time
   * or its bytes', whichever is longer.
   */
  private double seconds(Work work, DecoderStep step, Convolutions convolutions) {
    boolean implicit = step instanceof Conv conv && convolutions.implicit(conv).isPresent();
    double read = implicit ? work.products : work.columns / 2;
    double product = Math.max(work.flops / flopsPerSecond, read / bytesPerSecond);
    double others = work.moves + (implicit ? 0 : work.columns / 2 + work.products);
    return product + others / bytesPerSecond;
  }
}
