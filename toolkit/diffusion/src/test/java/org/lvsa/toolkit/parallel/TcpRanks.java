// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Ranks over TCP that are threads of this JVM, for tests. */
final class TcpRanks {
  static final Patience SHORT = new Patience(Duration.ofSeconds(20), Duration.ofSeconds(20));

  private TcpRanks() {}

  /** All ranks, connected, in order. */
  static List<Communicator> connected(int world) throws Exception {
    return connected(world, SHORT);
  }

  static List<Communicator> connected(int world, Patience patience) throws Exception {
    RunSecret secret = RunSecret.draw();
    try (ServerSocket server = Loopback.listen(world);
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Communicator>> connecting = new ArrayList<>();
      for (int rank = 0; rank < world; rank++) {
        int r = rank;
        Callable<Communicator> connect =
            () ->
                r == 0
                    ? Loopback.host(server, world, secret, patience)
                    : Loopback.join(r, world, server.getLocalPort(), secret, patience);
        connecting.add(threads.submit(connect));
      }
      List<Communicator> ranks = new ArrayList<>();
      for (Future<Communicator> one : connecting) {
        ranks.add(one.get());
      }
      return ranks;
    }
  }

  static void close(List<Communicator> ranks) throws Exception {
    for (Communicator rank : ranks) {
      rank.close();
    }
  }
}
