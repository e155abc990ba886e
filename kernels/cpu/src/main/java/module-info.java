// SPDX-License-Identifier: Apache-2.0
/** The backend {@code vector}: attention on the CPU with the Vector API. Exports nothing. */
module org.lvsa.kernels.cpu {
  requires static org.jspecify;
  requires jdk.incubator.vector;
  requires org.lvsa.kernels;

  provides org.lvsa.kernels.AttentionBackend with
      org.lvsa.kernels.cpu.VectorBackend;
}
