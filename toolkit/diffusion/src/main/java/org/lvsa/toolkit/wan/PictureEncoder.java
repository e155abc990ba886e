// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.wan;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.lvsa.toolkit.layers.Volume;
import org.lvsa.toolkit.model.Resolution;
import org.lvsa.toolkit.pipeline.GenerationSettings;
import org.lvsa.toolkit.pipeline.ModelFolder;
import org.lvsa.toolkit.pipeline.VideoSize;
import org.lvsa.toolkit.vae.AutoencoderKlWan;
import org.lvsa.toolkit.vae.LatentSize;
import org.lvsa.toolkit.vision.ClipImageEncoder;
import org.lvsa.toolkit.vision.ClipPreprocessing;
import org.lvsa.toolkit.vision.Picture;
import org.lvsa.toolkit.vision.Resampling;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * From pictures to what the transformer is told of them: their latents, and tokens of CLIP's image
 * encoder where the model takes them.
 *
 * @param vae encodes them
 * @param clip its image encoder; empty where the model takes no tokens
 */
record PictureEncoder(AutoencoderKlWan vae, Optional<Clip> clip) {
  /** Frames that are needed to have a latent frame for the last picture too. */
  private static final int LEAST_LATENT_FRAMES = 2;

  /**
   * CLIP's image encoder, read for each call and closed after it.
   *
   * @param encoder its folder
   * @param processor the folder that says how pictures are prepared
   * @param allowUnused whether weights may hold tensors that nothing reads
   */
  record Clip(ModelFolder.Component encoder, ModelFolder.Component processor, boolean allowUnused) {
    ClipImageEncoder open() {
      return ClipImageEncoder.open(encoder.files(), allowUnused);
    }

    /** Tokens of a picture. */
    int tokens() {
      return ClipImageEncoder.tokens(encoder.files());
    }

    ClipPreprocessing preprocessing() {
      return ClipPreprocessing.read(processor.folder());
    }

    /** The tokens of all pictures as one sequence, {@code [1, tokens, width]}. */
    INDArray encode(List<Picture> pictures) {
      ClipPreprocessing preprocessing = preprocessing();
      try (ClipImageEncoder open = open()) {
        List<INDArray> tokens = new ArrayList<>();
        pictures.forEach(picture -> tokens.add(open.encode(preprocessing.apply(picture))));
        if (tokens.size() == 1) {
          return tokens.getFirst();
        }
        INDArray all = Nd4j.concat(1, tokens.toArray(INDArray[]::new)).dup('c');
        tokens.forEach(INDArray::close);
        return all;
      }
    }
  }

  /** The tokens of a generation's pictures; empty where the model takes none. */
  Optional<INDArray> tokens(GenerationSettings.Inputs inputs) {
    List<Picture> pictures = new ArrayList<>();
    inputs.image().ifPresent(pictures::add);
    inputs.lastImage().ifPresent(pictures::add);
    return clip.map(encoder -> encoder.encode(pictures));
  }

  /**
   * The channels beside the latents: a mask of as many channels as a latent frame has frames, 1
   * where a frame is given, and the latents of a video of the given pictures and grey between.
   */
  LatentCondition.Beside beside(VideoSize size, LatentSize latents, GenerationSettings.Inputs in) {
    if (in.lastImage().isPresent() && latents.frames() < LEAST_LATENT_FRAMES) {
      throw new IllegalArgumentException(
          "a video with a last picture needs at least "
              + vae.config().frames(LEAST_LATENT_FRAMES)
              + " frames, got "
              + size.frames());
    }
    float[] condition = encode(size, size.frames(), in.image().orElseThrow(), in.lastImage());
    int factor = vae.config().temporalFactor();
    int plane = latents.height() * latents.width();
    int volume = latents.frames() * plane;
    float[] channels = new float[factor * volume + condition.length];
    for (int channel = 0; channel < factor; channel++) {
      Arrays.fill(channels, channel * volume, channel * volume + plane, 1);
    }
    if (in.lastImage().isPresent()) {
      Arrays.fill(channels, factor * volume - plane, factor * volume, 1);
    }
    System.arraycopy(condition, 0, channels, factor * volume, condition.length);
    return new LatentCondition.Beside(channels);
  }

  /** The first latent frame of a video that begins with a picture. */
  LatentCondition.FirstFrame first(VideoSize size, LatentSize latents, Picture picture) {
    return new LatentCondition.FirstFrame(latents, encode(size, 1, picture, Optional.empty()));
  }

  /** Normalised latents of a video that is grey but for its first and its last frame. */
  private float[] encode(VideoSize size, int frames, Picture first, Optional<Picture> last) {
    Resolution resolution = size.resolution();
    float[] begin = first.resized(resolution, Resampling.LANCZOS).signedLevels();
    Optional<float[]> end =
        last.map(one -> one.resized(resolution, Resampling.LANCZOS).signedLevels());
    float[] mean =
        vae.encode(
                (from, volume) -> {
                  volume.memory().fill((byte) 0);
                  put(begin, 0, from, volume);
                  end.ifPresent(values -> put(values, frames - 1, from, volume));
                },
                frames,
                resolution.height(),
                resolution.width())
            .mean();
    return vae.normalise(mean);
  }

  private static void put(float[] values, int frame, int from, Volume volume) {
    if (frame >= from && frame < from + volume.frames()) {
      MemorySegment.copy(
          values,
          0,
          volume.frames(frame - from, 1).memory(),
          ValueLayout.JAVA_FLOAT,
          0,
          values.length);
    }
  }
}
