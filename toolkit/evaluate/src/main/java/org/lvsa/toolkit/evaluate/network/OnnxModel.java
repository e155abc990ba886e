// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.network;

import ai.onnxruntime.NodeInfo;
import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.Loader;
import org.lvsa.toolkit.backend.UnavailableException;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;

/** A network in an ONNX file, run by ONNX Runtime. */
final class OnnxModel implements AutoCloseable {
  /** Outputs that are an embedding, by the names that exporters give them, the best one first. */
  private static final List<String> EMBEDDINGS =
      List.of(
          "image_embeds",
          "text_embeds",
          "image_features",
          "text_features",
          "embedding",
          "embeddings",
          "x_norm_clstoken",
          "pooler_output",
          "last_hidden_state",
          "output");

  private final Path file;
  private final OrtSession session;

  private OnnxModel(Path file, OrtSession session) {
    this.file = file;
    this.session = session;
  }

  /**
   * Opens a file.
   *
   * @throws MalformedFileException if it is missing or no network that ONNX Runtime can read
   * @throws UnavailableException if the device is not there
   */
  static OnnxModel open(Path file, OnnxDevice device) {
    if (!Files.isRegularFile(file)) {
      throw new MalformedFileException(
          file + (Files.exists(file) ? ": is not a regular file" : ": no such file"));
    }
    OrtEnvironment environment = environment();
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(Runtime.getRuntime().availableProcessors());
      if (device == OnnxDevice.CUDA) {
        addCuda(options);
      }
      return new OnnxModel(file, environment.createSession(file.toString(), options));
    } catch (OrtException e) {
      throw new MalformedFileException(
          file + ": not a network that ONNX Runtime can read: " + Messages.cut(e.getMessage()), e);
    }
  }

  private static void addCuda(OrtSession.SessionOptions options) {
    try {
      options.addCUDA();
    } catch (OrtException e) {
      throw new UnavailableException(
          "ONNX Runtime cannot use CUDA here: put the jar com.microsoft.onnxruntime:onnxruntime_gpu"
              + " in the place of onnxruntime's in toolkit/target/lib, and see that the CUDA that it"
              + " wants is installed ("
              + Messages.cut(e.getMessage())
              + ")");
    }
  }

  private static OrtEnvironment environment() {
    unpackOnce();
    return OrtEnvironment.getEnvironment(OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR);
  }

  /**
   * ONNX Runtime unpacks its native code into a new temporary folder at each start and leaves it
   * there; its only switch is a property. JavaCPP's cache, which holds the other libraries, serves.
   */
  private static void unpackOnce() {
    String property = "onnxruntime.native.path";
    if (System.getProperty(property) != null) {
      return;
    }
    String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
    String machine = System.getProperty("os.arch").equals("amd64") ? "x64" : "aarch64";
    String place =
        "/ai/onnxruntime/native/"
            + (system.contains("mac") ? "osx" : "linux")
            + "-"
            + machine
            + "/";
    try {
      for (String library : List.of("onnxruntime", "onnxruntime4j_jni")) {
        var unpacked =
            Loader.cacheResource(OrtEnvironment.class, place + System.mapLibraryName(library));
        if (unpacked == null) {
          return;
        }
        System.setProperty(property, unpacked.getParent());
      }
    } catch (IOException e) {
      // It unpacks by itself then.
      System.clearProperty(property);
    }
  }

  /** Names of its inputs. */
  Set<String> inputs() {
    return session.getInputNames();
  }

  /** The size of an input, -1 where it may have any. */
  long[] shape(String input) {
    return tensor(info().get(input)).getShape();
  }

  private Map<String, NodeInfo> info() {
    try {
      return session.getInputInfo();
    } catch (OrtException e) {
      throw failed(e);
    }
  }

  private TensorInfo tensor(NodeInfo node) {
    if (node.getInfo() instanceof TensorInfo tensor) {
      return tensor;
    }
    throw new MalformedFileException(file + ": " + node.getName() + " is not a tensor");
  }

  /**
   * The embeddings of a batch of pictures.
   *
   * @param pixels {@code [batch, 3, height, width]}
   */
  double[][] run(String input, float[] pixels, long[] shape) {
    try (OnnxTensor tensor =
        OnnxTensor.createTensor(environment(), FloatBuffer.wrap(pixels), shape)) {
      return runTensors(Map.of(input, tensor));
    } catch (OrtException e) {
      throw failed(e);
    }
  }

  /**
   * The embedding of one list of tokens.
   *
   * @param values for each input, as many as there are tokens
   */
  double[] run(Map<String, long[]> values) {
    Map<String, OnnxTensor> tensors = new TreeMap<>();
    try {
      for (Map.Entry<String, long[]> one : values.entrySet()) {
        long[] shape = {1, one.getValue().length};
        boolean isLong = tensor(info().get(one.getKey())).type == OnnxJavaType.INT64;
        int[] ints =
            IntStream.range(0, one.getValue().length)
                .map(i -> Math.toIntExact(one.getValue()[i]))
                .toArray();
        tensors.put(
            one.getKey(),
            isLong
                ? OnnxTensor.createTensor(environment(), LongBuffer.wrap(one.getValue()), shape)
                : OnnxTensor.createTensor(environment(), IntBuffer.wrap(ints), shape));
      }
      return runTensors(tensors)[0];
    } catch (OrtException e) {
      throw failed(e);
    } finally {
      tensors.values().forEach(OnnxTensor::close);
    }
  }

  private double[][] runTensors(Map<String, OnnxTensor> inputs) throws OrtException {
    String output = output();
    try (OrtSession.Result result = session.run(inputs, Set.of(output))) {
      if (result.get(0) instanceof OnnxTensor tensor) {
        return rows(output, tensor);
      }
      throw new MalformedFileException(file + ": its output " + output + " is not a tensor");
    }
  }

  private String output() {
    List<String> outputs = new ArrayList<>(session.getOutputNames());
    return EMBEDDINGS.stream().filter(outputs::contains).findFirst().orElse(outputs.getFirst());
  }

  /** A row per picture or text; of a row per token, the first token's. */
  private double[][] rows(String output, OnnxTensor tensor) {
    long[] shape = tensor.getInfo().getShape();
    FloatBuffer values = tensor.getFloatBuffer();
    if (values == null || shape.length < 2 || shape.length > 3) {
      throw new MalformedFileException(
          file
              + ": its output "
              + output
              + " must be floats of [batch, length] or [batch, tokens, length]");
    }
    int length = (int) shape[shape.length - 1];
    int stride = shape.length == 3 ? (int) (shape[1] * length) : length;
    double[][] rows = new double[(int) shape[0]][length];
    for (int row = 0; row < rows.length; row++) {
      for (int i = 0; i < length; i++) {
        rows[row][i] = values.get(row * stride + i);
        if (!Double.isFinite(rows[row][i])) {
          throw new MalformedFileException(file + ": gives numbers that are not finite");
        }
      }
      rows[row] = Vectors.unit(rows[row]);
    }
    return rows;
  }

  private MalformedFileException failed(OrtException e) {
    return new MalformedFileException(file + ": does not run: " + Messages.cut(e.getMessage()), e);
  }

  @Override
  public void close() {
    try {
      session.close();
    } catch (OrtException e) {
      throw new IllegalStateException(file + ": " + e.getMessage(), e);
    }
  }
}
