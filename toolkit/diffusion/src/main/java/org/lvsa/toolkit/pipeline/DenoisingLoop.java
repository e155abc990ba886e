// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.pipeline;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.lvsa.toolkit.parallel.Communicator;
import org.lvsa.toolkit.profile.StepEvent;
import org.lvsa.toolkit.schedulers.Scheduler;
import org.lvsa.toolkit.tensor.NdMemory;
import org.lvsa.toolkit.vae.LatentSize;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The loop between noise and a clean sample: at each noise level the model gives the velocity with
 * the prompt and, under guidance, with the negative prompt, and the scheduler goes to the next
 * level.
 *
 * @param model gives velocities
 * @param scheduler a new one, or one that has taken back an earlier run's history
 * @param shape of the sample
 * @param guidance how the two velocities become one
 * @param ranks two ranks that compute one velocity each, and both combine them; or one, which
 *     computes both
 */
public record DenoisingLoop(
    Model model,
    Scheduler scheduler,
    LatentSize shape,
    GuidanceSettings guidance,
    Communicator ranks) {

  /** Which text a run of the model sees. */
  public enum Branch {
    /** The prompt. */
    COND,
    /** The negative prompt. */
    UNCOND
  }

  /** A model as the loop sees it. */
  @FunctionalInterface
  public interface Model {
    /**
     * The velocity at a noise level.
     *
     * @param step number of the step, from 0
     * @param branches which texts: one batch element for each
     * @param latents {@code [branches, channels, frames, height, width]}, or frames before channels
     *     as the sample has them; not to be changed
     * @param timestep the scheduler's, from about 1000 down
     * @return a new tensor of the shape of {@code latents}
     */
    INDArray velocity(int step, List<Branch> branches, INDArray latents, float timestep);
  }

  /** Takes the sample after each step. */
  @FunctionalInterface
  public interface AfterStep {
    /**
     * A step is done.
     *
     * @param step its number, from 0
     * @param latents the sample after it, not to be changed
     */
    void accept(int step, float[] latents);
  }

  /**
   * Denoises from wherever the scheduler stands to the end.
   *
   * @param latents the sample to begin with, not changed
   * @return the clean sample
   * @throws IllegalStateException if the model gives a value that is no finite number
   */
  public float[] run(float[] latents, AfterStep after) {
    float[] sample = latents;
    for (int step = scheduler.done(); step < scheduler.schedule().steps(); step++) {
      float timestep = scheduler.schedule().timesteps()[step];
      try (StepEvent _ = StepEvent.begin(step, timestep)) {
        float[] velocity = velocity(step, sample, timestep);
        requireFinite(velocity, step);
        sample = scheduler.step(velocity, sample);
      }
      after.accept(step, sample);
    }
    return sample;
  }

  private float[] velocity(int step, float[] sample, float timestep) {
    try (INDArray latents = NdMemory.copy(MemorySegment.ofArray(sample), shape.shape())) {
      if (!guidance.on(step, scheduler.schedule().steps())) {
        try (INDArray cond = model.velocity(step, List.of(Branch.COND), latents, timestep)) {
          return NdMemory.floats(cond);
        }
      }
      if (ranks.world() > 1) {
        return velocityOfRanks(step, latents, timestep);
      }
      if (guidance.batched()) {
        try (INDArray twice = Guidance.join(latents, latents);
            INDArray both =
                model.velocity(step, List.of(Branch.COND, Branch.UNCOND), twice, timestep);
            INDArray cond = Guidance.elements(both, 0, 1);
            INDArray uncond = Guidance.elements(both, 1, 1)) {
          return guided(cond, uncond, timestep);
        }
      }
      try (INDArray cond = model.velocity(step, List.of(Branch.COND), latents, timestep);
          INDArray uncond = model.velocity(step, List.of(Branch.UNCOND), latents, timestep)) {
        return guided(cond, uncond, timestep);
      }
    }
  }

  /** This rank's velocity and the other's, which both combine: nothing is sent but these. */
  private float[] velocityOfRanks(int step, INDArray latents, float timestep) {
    Branch branch = Branch.values()[ranks.rank()];
    float[][] both;
    try (INDArray mine = model.velocity(step, List.of(branch), latents, timestep)) {
      both = ranks.allGather(NdMemory.floats(mine));
    }
    try (INDArray cond = NdMemory.copy(MemorySegment.ofArray(both[0]), shape.shape());
        INDArray uncond = NdMemory.copy(MemorySegment.ofArray(both[1]), shape.shape())) {
      return guided(cond, uncond, timestep);
    }
  }

  private float[] guided(INDArray cond, INDArray uncond, float timestep) {
    int steps = scheduler.schedule().steps();
    try (INDArray guided = guidance.combine(cond, uncond, timestep, steps)) {
      return NdMemory.floats(guided);
    }
  }

  private static void requireFinite(float[] velocity, int step) {
    for (float value : velocity) {
      if (!Float.isFinite(value)) {
        throw new IllegalStateException(
            "the model gave "
                + value
                + " at step "
                + step
                + ": the weights or the starting latents are not fit for use");
      }
    }
  }
}
