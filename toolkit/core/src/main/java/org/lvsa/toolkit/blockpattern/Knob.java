// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.blockpattern;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The parameters of a pattern that are turned to reach a density. */
public sealed interface Knob {
  /** The parameters' names. */
  List<String> names();

  /** LVSA's window and its interval of keyframes. */
  Knob FRAMES = new Choices(List.of("window", "interval"));

  /** The three sizes of STA's window. */
  Knob TILES = new Choices(List.of("window"));

  /** A whole number; a larger one makes the pattern denser. */
  static Knob rising(String name, int least) {
    return new Whole(name, least, true);
  }

  /** A whole number; a larger one makes the pattern sparser. */
  static Knob falling(String name, int least) {
    return new Whole(name, least, false);
  }

  /** A number between two others. */
  static Knob real(String name, double least, double most) {
    return new Real(name, least, most);
  }

  /**
   * A whole number.
   *
   * @param name of the parameter
   * @param least its smallest value
   * @param rising whether a larger one makes the pattern denser
   */
  record Whole(String name, int least, boolean rising) implements Knob {
    @Override
    public List<String> names() {
      return List.of(name);
    }
  }

  /**
   * A number.
   *
   * @param name of the parameter
   * @param least its smallest value
   * @param most its largest value
   */
  record Real(String name, double least, double most) implements Knob {
    @Override
    public List<String> names() {
      return List.of(name);
    }
  }

  /**
   * Several whole numbers, all of whose values are tried.
   *
   * @param names of the parameters
   */
  record Choices(List<String> names) implements Knob {
    /** The values to try for a video, those first that are to be preferred. */
    List<Map<String, String>> values(PatternSpec spec, TokenGrid grid) {
      List<Map<String, String>> values = new ArrayList<>();
      if (spec.kind() == PatternKind.LVSA) {
        int widest = Math.min(((LvsaPattern) spec.build(grid)).window(), grid.frames());
        int narrowest = spec.given().containsKey("window") ? widest : 0;
        for (int window = widest; window >= narrowest; window--) {
          for (int interval = 1; interval <= grid.frames(); interval++) {
            values.add(pair("window", window, "interval", interval));
          }
        }
        return values;
      }
      Tile counts = Tile.parse(spec.value("tile")).counts(grid);
      Map<Tile, Double> windows = new LinkedHashMap<>();
      for (int t = 1; t <= odd(counts.frames()); t += 2) {
        for (int y = 1; y <= odd(counts.height()); y += 2) {
          for (int x = 1; x <= odd(counts.width()); x += 2) {
            Tile window = new Tile(t, y, x);
            windows.putIfAbsent(window, imbalance(window, counts));
          }
        }
      }
      // Windows that see about the same share of each axis are to be preferred.
      return windows.entrySet().stream()
          .sorted(Map.Entry.comparingByValue())
          .map(entry -> Map.of("window", entry.getKey().word()))
          .toList();
    }

    private static double imbalance(Tile window, Tile counts) {
      double[] shares = {
        Math.min(1, (double) window.frames() / counts.frames()),
        Math.min(1, (double) window.height() / counts.height()),
        Math.min(1, (double) window.width() / counts.width())
      };
      return Arrays.stream(shares).max().orElseThrow() - Arrays.stream(shares).min().orElseThrow();
    }

    private static Map<String, String> pair(String a, int first, String b, int second) {
      Map<String, String> pair = new LinkedHashMap<>();
      pair.put(a, Integer.toString(first));
      pair.put(b, Integer.toString(second));
      return pair;
    }

    private static int odd(int number) {
      return number | 1;
    }
  }
}
