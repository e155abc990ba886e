// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.util.Optional;
import org.lvsa.toolkit.attention.Attended;
import org.lvsa.toolkit.attention.AttentionProcessor;
import org.lvsa.toolkit.attention.BackendProcessor;
import org.lvsa.toolkit.attention.DiffusionAttention;
import org.lvsa.toolkit.attention.Generation;
import org.lvsa.toolkit.attention.Qkv;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.memory.conf.WorkspaceConfiguration;
import org.nd4j.linalg.api.memory.enums.AllocationPolicy;
import org.nd4j.linalg.api.memory.enums.LearningPolicy;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The attention of one transformer block: an adapter's pieces in the order that models share. */
public final class AttentionBlock {
  private static final WorkspaceConfiguration SCRATCH =
      WorkspaceConfiguration.builder()
          .policyLearning(LearningPolicy.FIRST_LOOP)
          .policyAllocation(AllocationPolicy.STRICT)
          .build();

  private final ModelAdapter adapter;
  private final int number;
  private final BlockWeights weights;
  private AttentionProcessor processor;

  /**
   * A block whose attention is the one that the settings name.
   *
   * @param adapter what the model's family does around attention
   * @param number of the block in the model, from 0
   * @param weights the block's sizes and tensors
   */
  public AttentionBlock(ModelAdapter adapter, int number, BlockWeights weights) {
    this.adapter = adapter;
    this.number = number;
    this.weights = weights;
    processor = new BackendProcessor(adapter.hook().instruction());
  }

  /** What computes the block's self-attention. */
  public AttentionProcessor processor() {
    return processor;
  }

  /** Lets another processor compute the block's self-attention. */
  public void install(AttentionProcessor next) {
    processor = next;
  }

  /**
   * Computes what the block's attention adds to the tokens.
   *
   * @param generation the video being made; over several ranks, this rank's generation
   * @param streams this rank's video tokens and all encoder tokens
   */
  public Streams.Change attend(Generation generation, Streams streams) {
    // Tensors between the layers are as large as the video. In a workspace the next block uses
    // their
    // memory again. The garbage collector, which does not see their size, would keep them too long.
    try (MemoryWorkspace _ =
        Nd4j.getWorkspaceManager().getAndActivateWorkspace(SCRATCH, "lvsa-block")) {
      Streams.Change change = change(generation, streams);
      return new Streams.Change(change.video().detach(), change.encoder().map(INDArray::detach));
    }
  }

  private Streams.Change change(Generation generation, Streams streams) {
    long first = generation.ranks().rank() * streams.video().size(0);
    EncoderTokens encoder = adapter.splitEncoder(weights, streams.encoder());
    Qkv video = adapter.qkv(weights, streams.video());
    Qkv placed =
        new Qkv(
            adapter.rotate(weights, video.query(), first),
            adapter.rotate(weights, video.key(), first),
            video.value());
    Attended attended =
        processor.attend(generation, number, placed, adapter.encoderQkv(weights, encoder.text()));
    INDArray change = adapter.outputProjection(weights, attended.video());
    Optional<INDArray> cross =
        adapter.crossAttention(
            weights,
            (query, key, value) ->
                DiffusionAttention.ofRole(generation, "cross")
                    .attend(generation, number, query, key, value),
            streams.video().add(change),
            encoder);
    return adapter.formatOutput(weights, cross.map(change::add).orElse(change), attended.text());
  }
}
