// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.util.Arrays;
import uk.ac.manchester.tornado.api.common.Access;
import uk.ac.manchester.tornado.api.common.LibraryTaskDescriptor;

/**
 * cuDNN's attention, by a library task of TornadoVM. The task is described here and not by
 * TornadoVM's class {@code CuDnn}, so that this module compiles without the SDK's module for cuDNN,
 * and tensors can be arrays of words instead of halves: the library sees their memory alone.
 */
final class CuDnnSdpa implements Sdpa {
  private static final String LIBRARY = "nvidia/cudnn";
  private static final String FUNCTION = "sdpaForward";

  @Override
  public void add(GraphTasks tasks, String name, Tensors tensors, Sizes sizes) {
    tasks.graph().libraryTask(name, CuDnnSdpa::describe, tensors, sizes);
  }

  /** The arguments as TornadoVM's provider for cuDNN reads them, by place. */
  private static LibraryTaskDescriptor describe(Tensors tensors, Sizes sizes) {
    boolean causal = false;
    Object[] arguments = {
      tensors.query(),
      tensors.key(),
      tensors.value(),
      tensors.out(),
      sizes.batch(),
      sizes.heads(),
      sizes.queries(),
      sizes.keys(),
      sizes.headDim(),
      sizes.scale(),
      causal
    };
    Access[] access = new Access[arguments.length];
    Arrays.fill(access, Access.READ_ONLY);
    access[3] = Access.WRITE_ONLY;
    return new LibraryTaskDescriptor()
        .withLibrary(LIBRARY)
        .withFunction(FUNCTION)
        .withParameters(arguments)
        .withAccess(access);
  }
}
