// SPDX-License-Identifier: Apache-2.0
/** The backend {@code tornado}: attention on a GPU with TornadoVM. Exports nothing. */
module org.lvsa.kernels.tornado {
  requires static org.jspecify;
  requires org.lvsa.kernels;
  requires tornado.api;
  requires static tornado.cublas;

  provides org.lvsa.kernels.AttentionBackend with
      org.lvsa.kernels.tornado.TornadoBackend;
  provides org.lvsa.kernels.transformer.TransformerBackend with
      org.lvsa.kernels.tornado.TornadoTransformers;
}
