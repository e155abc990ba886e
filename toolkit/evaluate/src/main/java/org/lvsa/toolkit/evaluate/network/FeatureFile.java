// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate.network;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.lvsa.toolkit.evaluate.frame.SampledVideo;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;

/**
 * What networks said of videos, computed elsewhere and written as JSON:
 *
 * <pre>{@code
 * {"cat.mp4": {"frame_indices": [0, 8, 16], "clip_image": [[…], […], […]], "clip_text": […],
 *              "dino": [[…], […], […]], "brisque": [31.2, …], "niqe": […], "clip_iqa": […],
 *              "clip_iqa_plus": […], "anatomical_errors": 0}}
 * }</pre>
 *
 * <p>A file about one video may leave the outer object out. Each field is optional. Lists have an
 * entry per judged frame; with {@code frame_indices}, an entry per frame that is named there, which
 * must include the judged ones. Vectors are brought to length 1.
 */
public final class FeatureFile {
  private static final String INDICES = "frame_indices";

  private final Path file;
  private final JsonNode root;

  private FeatureFile(Path file, JsonNode root) {
    this.file = file;
    this.root = root;
  }

  /**
   * Reads a file.
   *
   * @throws MalformedFileException if it is missing or has another form
   */
  public static FeatureFile read(Path file) {
    JsonNode root = Json.read(file);
    if (!root.isObject()) {
      throw new MalformedFileException(file + ": an object was expected");
    }
    return new FeatureFile(file, root);
  }

  /**
   * What the file has of a video; nothing if it names others only.
   *
   * @throws MalformedFileException if a field has another form, or not an entry per judged frame
   */
  public Features of(SampledVideo video) {
    Optional<JsonNode> entry = entry(video.path());
    Features features = Features.NONE;
    if (entry.isEmpty()) {
      return features;
    }
    JsonNode fields = entry.get();
    for (String name : (Iterable<String>) fields::fieldNames) {
      if (!known().contains(name)) {
        throw new MalformedFileException(file + ": " + Messages.unknown("field", name, known()));
      }
    }
    List<Integer> places = places(video, fields);
    for (Network network : Network.values()) {
      JsonNode field = fields.get(network.field());
      if (field != null) {
        features = features.with(network, rows(network, field, video, places));
      }
    }
    return features;
  }

  private static List<String> known() {
    return Stream.concat(Stream.of(INDICES), Stream.of(Network.values()).map(Network::field))
        .toList();
  }

  private Optional<JsonNode> entry(Path video) {
    boolean single = known().stream().anyMatch(root::has);
    if (single) {
      return Optional.of(root);
    }
    JsonNode named = root.get(video.toString());
    if (named == null) {
      named = root.get(video.getFileName().toString());
    }
    if (named != null && !named.isObject()) {
      throw new MalformedFileException(file + ": " + video.getFileName() + ": no object");
    }
    return Optional.ofNullable(named);
  }

  /** For each judged frame, which entry of the lists is its. */
  private List<Integer> places(SampledVideo video, JsonNode fields) {
    JsonNode indices = fields.get(INDICES);
    if (indices == null) {
      return IntStream.range(0, video.count()).boxed().toList();
    }
    List<Integer> named = new ArrayList<>();
    if (!indices.isArray()) {
      throw wrong(INDICES, "a list of whole numbers");
    }
    for (JsonNode index : indices) {
      if (!index.isInt()) {
        throw wrong(INDICES, "a list of whole numbers");
      }
      named.add(index.intValue());
    }
    List<Integer> places = new ArrayList<>();
    for (int i = 0; i < video.count(); i++) {
      int place = named.indexOf(video.index(i));
      if (place < 0) {
        throw new MalformedFileException(
            file
                + ": "
                + INDICES
                + ": frame "
                + video.index(i)
                + " of "
                + video.path()
                + " is missing");
      }
      places.add(place);
    }
    return places;
  }

  private double[][] rows(
      Network network, JsonNode field, SampledVideo video, List<Integer> places) {
    return switch (network) {
      case CLIP_TEXT -> new double[][] {Vectors.unit(vector(network, field))};
      case POSE -> {
        if (!field.isInt() || field.intValue() < 0) {
          throw wrong(network.field(), "a whole number of at least 0");
        }
        yield new double[][] {{field.intValue()}};
      }
      case CLIP_IMAGE, DINO -> {
        double[][] rows = new double[video.count()][];
        for (int i = 0; i < rows.length; i++) {
          rows[i] = Vectors.unit(vector(network, at(network, field, video, places.get(i))));
          if (rows[i].length != rows[0].length) {
            throw wrong(network.field(), "vectors of the same length");
          }
        }
        yield rows;
      }
      case BRISQUE, NIQE, CLIP_IQA, AESTHETIC -> {
        double[][] rows = new double[video.count()][];
        for (int i = 0; i < rows.length; i++) {
          JsonNode score = at(network, field, video, places.get(i));
          if (!score.isNumber()) {
            throw wrong(network.field(), "a list of numbers");
          }
          rows[i] = new double[] {score.doubleValue()};
        }
        yield rows;
      }
    };
  }

  private JsonNode at(Network network, JsonNode field, SampledVideo video, int place) {
    if (!field.isArray() || field.size() <= place) {
      throw new MalformedFileException(
          file
              + ": "
              + network.field()
              + ": "
              + field.size()
              + " entries, but "
              + video.count()
              + " frames of "
              + video.path()
              + " are judged");
    }
    return field.get(place);
  }

  private double[] vector(Network network, JsonNode node) {
    if (!node.isArray() || node.isEmpty()) {
      throw wrong(network.field(), "vectors");
    }
    double[] vector = new double[node.size()];
    for (int i = 0; i < vector.length; i++) {
      if (!node.get(i).isNumber()) {
        throw wrong(network.field(), "vectors of numbers");
      }
      vector[i] = node.get(i).doubleValue();
    }
    return vector;
  }

  private MalformedFileException wrong(String field, String expected) {
    return new MalformedFileException(file + ": " + field + ": " + expected + " expected");
  }
}
