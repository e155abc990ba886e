// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.tensor;

import java.util.List;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.lvsa.kernels.KernelConformance;
import org.lvsa.kernels.KernelOptions;

class Nd4jKernelTest {

  @TestFactory
  List<DynamicTest> conforms() {
    return KernelConformance.tests(new Nd4jBackend().open(KernelOptions.DEFAULT), 1e-5);
  }
}
