// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.eclipse.jetty.server.HttpConfiguration;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class ListeningTest {
  private static final int CLIENTS = 300;
  private static final int MILLIS = 20_000;

  @TempDir private Path folder;

  /** A server that is busy accepts nobody for a while. Clients that come then are not lost. */
  @Test
  @Timeout(120)
  void manyClientsMayComeBeforeOneIsAccepted() throws Exception {
    List<Socket> clients = new ArrayList<>();
    // Opened and not started: it listens, and nothing accepts.
    try (ServerConnector connector =
        Listening.connector(
            new Server(), new HttpConfiguration(), ServerSettings.local(folder, 0))) {
      connector.open();
      InetSocketAddress address = new InetSocketAddress("127.0.0.1", connector.getLocalPort());
      for (int i = 0; i < CLIENTS; i++) {
        Socket client = new Socket();
        clients.add(client);
        client.connect(address, MILLIS);
      }
    } finally {
      for (Socket client : clients) {
        client.close();
      }
    }
  }
}
