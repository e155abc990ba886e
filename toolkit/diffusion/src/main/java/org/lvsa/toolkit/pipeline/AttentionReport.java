// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.util.List;
import java.util.Optional;
import org.lvsa.toolkit.attention.PatternAttention;

/**
 * What the self-attention of a denoising run really ran with.
 *
 * @param device where it ran
 * @param kernel the kernel that ran last, as the backend names it
 * @param calls self-attentions
 * @param density mean share of the pairs of frames, or of tokens, that attended; 1 where everything
 *     ran dense
 * @param kernelMillis milliseconds of the kernel alone
 * @param pattern what a pattern of the laboratory did; empty for dense attention and LVSA
 * @param fallbacks lines about what ran dense, or on another backend, in place of what was asked
 */
public record AttentionReport(
    String device,
    String kernel,
    int calls,
    double density,
    double kernelMillis,
    Optional<PatternAttention.Report> pattern,
    List<String> fallbacks) {
  /** The lines are copied. */
  public AttentionReport {
    fallbacks = List.copyOf(fallbacks);
  }
}
