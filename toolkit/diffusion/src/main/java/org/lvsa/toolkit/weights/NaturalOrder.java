// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import java.math.BigInteger;
import java.util.Comparator;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/** Orders names as people count: {@code part-2} goes before {@code part-10}. */
final class NaturalOrder implements Comparator<String> {
  private static final Pattern PIECES = Pattern.compile("\\d+|\\D+");

  @Override
  public int compare(String a, String b) {
    List<String> left = pieces(a);
    List<String> right = pieces(b);
    for (int i = 0; i < Math.min(left.size(), right.size()); i++) {
      int order = comparePieces(left.get(i), right.get(i));
      if (order != 0) {
        return order;
      }
    }
    int order = Integer.compare(left.size(), right.size());
    return order != 0 ? order : a.compareTo(b);
  }

  private static List<String> pieces(String name) {
    return PIECES.matcher(name).results().map(MatchResult::group).toList();
  }

  private static int comparePieces(String a, String b) {
    boolean numbers = Character.isDigit(a.charAt(0)) && Character.isDigit(b.charAt(0));
    return numbers ? new BigInteger(a).compareTo(new BigInteger(b)) : a.compareTo(b);
  }
}
