// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.network;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.text.PromptCleaning;
import org.lvsa.toolkit.text.PromptTokenizer;

/** CLIP's text encoder in an ONNX file, and the tokenizer that goes with it. */
final class TextEncoder implements AutoCloseable {
  /** CLIP's longest text, in tokens. */
  private static final int LONGEST = 77;

  private static final String IDS = "input_ids";
  private static final String MASK = "attention_mask";

  private final OnnxModel model;
  private final PromptTokenizer tokenizer;

  /** Name of the input that takes the tokens. */
  private final String ids;

  /** How many tokens the network takes; 0 for any number. */
  private final int length;

  private TextEncoder(OnnxModel model, PromptTokenizer tokenizer, String ids, int length) {
    this.model = model;
    this.tokenizer = tokenizer;
    this.ids = ids;
    this.length = length;
  }

  /**
   * Opens the files.
   *
   * @param tokenizer {@code tokenizer.json} or the folder with it
   * @throws MalformedFileException if one of them is missing or has another form
   */
  static TextEncoder open(Path file, Path tokenizer, OnnxDevice device) {
    OnnxModel model = OnnxModel.open(file, device);
    try {
      for (String input : model.inputs()) {
        if (model.inputs().size() > 1 && !input.equals(IDS) && !input.equals(MASK)) {
          throw new MalformedFileException(
              file
                  + ": its inputs must be "
                  + IDS
                  + " and perhaps "
                  + MASK
                  + ", it has "
                  + String.join(", ", model.inputs()));
        }
      }
      String ids = model.inputs().size() == 1 ? model.inputs().iterator().next() : IDS;
      long[] shape = model.shape(ids);
      if (shape.length != 2) {
        throw new MalformedFileException(
            file
                + ": its input "
                + ids
                + " must be [batch, tokens], it is "
                + Arrays.toString(shape));
      }
      int length = shape[1] > 0 ? (int) shape[1] : 0;
      Path folder =
          Files.isDirectory(tokenizer) ? tokenizer : tokenizer.toAbsolutePath().getParent();
      return new TextEncoder(
          model, PromptTokenizer.open(folder, length > 0 ? length : LONGEST), ids, length);
    } catch (RuntimeException e) {
      model.close();
      throw e;
    }
  }

  /** A vector of length 1. */
  double[] encode(String prompt) {
    int[] tokens = tokenizer.ids(PromptCleaning.clean(prompt));
    int padded = length > 0 ? length : tokens.length;
    long[] values = new long[padded];
    long[] mask = new long[padded];
    for (int i = 0; i < Math.min(tokens.length, padded); i++) {
      values[i] = tokens[i];
      mask[i] = 1;
    }
    Map<String, long[]> inputs = new TreeMap<>();
    inputs.put(ids, values);
    if (model.inputs().contains(MASK)) {
      inputs.put(MASK, mask);
    }
    return model.run(inputs);
  }

  @Override
  public void close() {
    model.close();
    tokenizer.close();
  }
}
