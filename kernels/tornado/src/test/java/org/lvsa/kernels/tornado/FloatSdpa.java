// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import uk.ac.manchester.tornado.api.KernelContext;
import uk.ac.manchester.tornado.api.math.TornadoMath;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/**
 * Takes a library's place in a float32 transformer, on every device: a plain kernel in Java, one
 * thread for each number of the output.
 */
final class FloatSdpa implements Sdpa {
  @Override
  public void add(GraphTasks tasks, String name, Tensors tensors, Sizes sizes) {
    int size = sizes.batch() * sizes.heads() * sizes.queries() * sizes.headDim();
    tasks.perThread(name, size);
    tasks
        .graph()
        .task(
            name,
            FloatSdpa::attend,
            new KernelContext(),
            (FloatArray) tensors.query(),
            (FloatArray) tensors.key(),
            (FloatArray) tensors.value(),
            (FloatArray) tensors.out(),
            sizes.queries(),
            sizes.keys(),
            sizes.headDim(),
            sizes.scale(),
            size);
  }

  static void attend(
      KernelContext context,
      FloatArray query,
      FloatArray key,
      FloatArray value,
      FloatArray out,
      int queries,
      int keys,
      int headDim,
      float scale,
      int size) {
    int i = context.globalIdx;
    if (i < size) {
      int vector = i / headDim;
      int first = vector / queries * keys;
      float highest = -1e30f;
      float sum = 0f;
      float total = 0f;
      for (int j = 0; j < keys; j++) {
        float score = 0f;
        for (int d = 0; d < headDim; d++) {
          score += query.get(vector * headDim + d) * key.get((first + j) * headDim + d);
        }
        score = score * scale;
        float top = TornadoMath.max(highest, score);
        float earlier = TornadoMath.exp(highest - top);
        float weight = TornadoMath.exp(score - top);
        sum = sum * earlier + weight;
        total = total * earlier + weight * value.get((first + j) * headDim + i % headDim);
        highest = top;
      }
      out.set(i, total / sum);
    }
  }
}
