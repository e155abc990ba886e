// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.model;

import com.fasterxml.jackson.core.type.TypeReference;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.List;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.Messages;

/** The geometries of {@code datasets/models.json}. */
public final class Models {
  private static final String RESOURCE = "/org/lvsa/datasets/models.json";

  private Models() {}

  /** All models, in the order of the file. */
  public static List<ModelGeometry> all() {
    try (InputStream in = Models.class.getResourceAsStream(RESOURCE)) {
      return List.copyOf(Json.mapper().readValue(in, new TypeReference<List<ModelGeometry>>() {}));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * The model of that name.
   *
   * @throws IllegalArgumentException listing the names that exist, the nearest one first
   */
  public static ModelGeometry named(String name) {
    List<ModelGeometry> all = all();
    return all.stream()
        .filter(model -> model.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    Messages.unknown(
                        "model", name, all.stream().map(ModelGeometry::name).toList())));
  }
}
