// SPDX-License-Identifier: Apache-2.0
/** The backends {@code tornado} and {@code cudnn}: attention on a GPU. Exports nothing. */
module org.lvsa.kernels.tornado {
  requires static org.jspecify;
  requires org.lvsa.kernels;
  requires tornado.api;
  requires static tornado.cublas;

  provides org.lvsa.kernels.AttentionBackend with
      org.lvsa.kernels.tornado.TornadoBackend,
      org.lvsa.kernels.tornado.CuDnnBackend;
  provides org.lvsa.kernels.transformer.TransformerBackend with
      org.lvsa.kernels.tornado.TornadoTransformers,
      org.lvsa.kernels.tornado.CuDnnTransformers;
}
