// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.cache;

import java.util.Optional;
import org.lvsa.toolkit.blocks.BlockSequence;
import org.lvsa.toolkit.blocks.Tokens;

/** What some blocks of a list add to the list's streams, remembered to be added again. */
final class Residual implements AutoCloseable {
  private final Forecast hidden;
  private final Forecast encoder;

  /** A residual that is forecast with that many derivatives. */
  Residual(int order) {
    hidden = new Forecast(order);
    encoder = new Forecast(order);
  }

  boolean known() {
    return hidden.known();
  }

  /** Runs blocks and remembers what they added. */
  void compute(int step, BlockSequence blocks, int first, int end) {
    Tokens hiddenBefore = blocks.hidden().copy();
    Optional<Tokens> encoderBefore = changedEncoder(blocks).map(Tokens::copy);
    runAll(blocks, first, end);
    hidden.update(step, gain(hiddenBefore, blocks.hidden()));
    encoderBefore.ifPresent(
        before -> encoder.update(step, gain(before, blocks.encoder().orElseThrow())));
  }

  /** Adds what the blocks would add. */
  void add(int step, BlockSequence blocks) {
    hidden.addTo(blocks.hidden(), step);
    changedEncoder(blocks).ifPresent(stream -> encoder.addTo(stream, step));
  }

  /** The residual of the hidden stream at the last computed step. */
  Tokens hidden() {
    return hidden.value();
  }

  /** What a stream gained, in the memory of its earlier value. */
  static Tokens gain(Tokens before, Tokens after) {
    before.becomeGain(after);
    return before;
  }

  private static Optional<Tokens> changedEncoder(BlockSequence blocks) {
    return blocks.encoder().filter(stream -> blocks.pattern().changesEncoder());
  }

  static void runAll(BlockSequence blocks, int first, int end) {
    for (int block = first; block < end; block++) {
      blocks.run(block);
    }
  }

  void save(CacheState.Part to) {
    hidden.save(to.part("hidden"));
    encoder.save(to.part("encoder"));
  }

  void restore(CacheState.Part from) {
    hidden.restore(from.part("hidden"));
    encoder.restore(from.part("encoder"));
  }

  @Override
  public void close() {
    hidden.close();
    encoder.close();
  }
}
