// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

import java.util.List;
import org.lvsa.toolkit.layers.ReplicatePadding.RowChange;
import org.lvsa.toolkit.layers.SpaceToDepth;
import org.lvsa.toolkit.layers.Volume;

/**
 * The blocks of one resolution, and the step to the next.
 *
 * @param resnets one after another
 * @param step the convolution of the change of resolution; null where there is none
 * @param times frames that become one, or that one becomes: 1 or 2; the first frame stays one
 * @param out channels after the level
 */
record HunyuanLevel(List<Resnet> resnets, ReplicateConv step, int times, int out)
    implements AutoCloseable {

  /** Computes the resnets. The memory of {@code x} becomes the result's or is given back. */
  Volume resnets(Run run, Volume x) {
    for (Resnet resnet : resnets) {
      x = resnet.apply(run, x);
    }
    return x;
  }

  /** As {@link #resnets}, then the step to twice the rows and pixels, where there is one. */
  Volume up(Run run, Volume in) {
    Volume x = resnets(run, in);
    if (step == null) {
      return x;
    }
    int times = run.isFirst() ? 1 : this.times;
    Volume result = run.workspace.take(times * x.frames(), 2 * x.height(), 2 * x.width(), out);
    // A frame at a time: the convolution's result is as large as the step's.
    for (int t = 0; t < x.frames(); t++) {
      Volume frame = x.frames(t, 1);
      Volume convolved = convolved(run, frame);
      SpaceToDepth.unpack(convolved, frame, result.frames(t * times, times), times);
      run.workspace.give(convolved);
    }
    run.workspace.give(x);
    return result;
  }

  /** As {@link #resnets}, then the step to half the rows and pixels, where there is one. */
  Volume down(Run run, Volume in) {
    Volume x = resnets(run, in);
    if (step == null) {
      return x;
    }
    int times = run.isFirst() ? 1 : this.times;
    Volume result = run.workspace.take(x.frames() / times, x.height() / 2, x.width() / 2, out);
    Volume convolved = convolved(run, x);
    SpaceToDepth.pack(convolved, x, result, times);
    run.workspace.give(convolved);
    run.workspace.give(x);
    return result;
  }

  private Volume convolved(Run run, Volume x) {
    Volume input = step.input(run, x, RowChange.NONE);
    Volume convolved = run.workspace.take(x.frames(), x.height(), x.width(), step.outChannels());
    step.apply(run, input, convolved, false);
    return convolved;
  }

  @Override
  public void close() {
    resnets.forEach(Resnet::close);
    if (step != null) {
      step.close();
    }
  }
}
