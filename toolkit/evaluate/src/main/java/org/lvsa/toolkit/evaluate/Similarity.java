// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.evaluate;

/**
 * How alike vectors are. The published tool stores these numbers in single precision, and so do we:
 * equal pairs of frames must be equally alike to the last bit.
 */
final class Similarity {
  private static final double SMALLEST = 1e-8;

  private Similarity() {}

  /** The cosine of the angle between two vectors. */
  static double cosine(double[] a, double[] b) {
    double product = 0;
    double squaresA = 0;
    double squaresB = 0;
    for (int i = 0; i < a.length; i++) {
      product += a[i] * b[i];
      squaresA += a[i] * a[i];
      squaresB += b[i] * b[i];
    }
    return (float) (product / Math.max(Math.sqrt(squaresA * squaresB), SMALLEST));
  }

  /** Of each vector and the next one. */
  static double[] consecutive(double[][] vectors) {
    double[] cosines = new double[vectors.length - 1];
    for (int i = 0; i < cosines.length; i++) {
      cosines[i] = cosine(vectors[i], vectors[i + 1]);
    }
    return cosines;
  }

  /** Of each vector and each other one. */
  static double[][] all(double[][] vectors) {
    double[][] cosines = new double[vectors.length][vectors.length];
    for (int i = 0; i < vectors.length; i++) {
      for (int j = 0; j <= i; j++) {
        cosines[i][j] = cosine(vectors[i], vectors[j]);
        cosines[j][i] = cosines[i][j];
      }
    }
    return cosines;
  }

  /** The distance from each vector to the next one. */
  static double[] steps(double[][] vectors) {
    double[] steps = new double[vectors.length - 1];
    for (int i = 0; i < steps.length; i++) {
      double squares = 0;
      for (int e = 0; e < vectors[i].length; e++) {
        double difference = vectors[i + 1][e] - vectors[i][e];
        squares += difference * difference;
      }
      steps[i] = (float) Math.sqrt(squares);
    }
    return steps;
  }
}
