// SPDX-License-Identifier: Apache-2.0
/**
 * What every attention kernel has in common: shapes, layouts and memory of an attention, the
 * interfaces that a backend implements, and the float64 reference. Needs nothing but the JDK at run
 * time.
 */
module org.lvsa.kernels {
  requires static org.jspecify;

  exports org.lvsa.kernels;
  exports org.lvsa.kernels.decoder;
  exports org.lvsa.kernels.transformer;

  uses org.lvsa.kernels.AttentionBackend;
  uses org.lvsa.kernels.transformer.TransformerBackend;

  provides org.lvsa.kernels.AttentionBackend with
      org.lvsa.kernels.ReferenceBackend;
}
