// SPDX-License-Identifier: Apache-2.0
/**
 * What every attention kernel has in common: shapes, layouts and memory of an attention, the
 * interfaces that a backend implements, and the float64 reference. Needs nothing but the JDK at run
 * time.
 */
module org.lvsa.kernels {
  requires static org.jspecify;

  exports org.lvsa.kernels;

  uses org.lvsa.kernels.AttentionBackend;

  provides org.lvsa.kernels.AttentionBackend with
      org.lvsa.kernels.ReferenceBackend;
}
