// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.jetty.io.ManagedSelector;
import org.eclipse.jetty.io.SocketChannelEndPoint;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Listens for connections, and ends them so that an early answer is not lost.
 *
 * <p>A request may be answered before its body has come whole: the queue is full, the key is wrong,
 * the body is too large. Jetty then closes the connection, although bytes of the body lie unread in
 * it or are on their way. The system tells the client so by a reset, and a reset throws away what
 * the client has not read yet: the answer. Here such a connection is closed for sending alone, and
 * what still comes is read and forgotten until the client has closed its side, within bounds.
 */
final class LingeringConnector extends ServerConnector {
  private static final Logger LOG = LoggerFactory.getLogger("org.lvsa.serving");

  private final Patience patience;
  private final Set<SocketChannel> lingering = ConcurrentHashMap.newKeySet();

  /**
   * How much is done for clients that were answered early.
   *
   * @param quiet how long nothing may come
   * @param whole how long it may take in all
   * @param bytes that may come
   * @param connections at a time; a further one is closed at once
   */
  record Patience(Duration quiet, Duration whole, long bytes, int connections) {
    /** What a server has that is told nothing else. */
    static final Patience DEFAULT =
        new Patience(Duration.ofSeconds(5), Duration.ofSeconds(30), 256L << 20, 256);
  }

  LingeringConnector(Server server, HttpConnectionFactory http, Patience patience) {
    super(server, http);
    this.patience = patience;
  }

  @Override
  protected SocketChannelEndPoint newEndPoint(
      SocketChannel channel, ManagedSelector selector, SelectionKey key) {
    SocketChannelEndPoint endPoint =
        new SocketChannelEndPoint(channel, selector, key, getScheduler()) {
          @Override
          public void doClose() {
            // Output is shut after the last answer alone; without one, nothing can be lost.
            boolean isAnswered = channel.isOpen() && channel.socket().isOutputShutdown();
            if (!isAnswered || !linger(channel, key)) {
              super.doClose();
            }
          }
        };
    endPoint.setIdleTimeout(getIdleTimeout());
    return endPoint;
  }

  /** Takes a connection away from Jetty, if there is room for it. */
  private boolean linger(SocketChannel channel, SelectionKey key) {
    if (lingering.size() >= patience.connections()) {
      return false;
    }
    key.cancel();
    lingering.add(channel);
    Thread.ofVirtual().name("lingering connection").start(() -> forget(channel));
    return true;
  }

  private void forget(SocketChannel channel) {
    long end = System.nanoTime() + patience.whole().toNanos();
    byte[] buffer = new byte[1 << 16];
    try (channel) {
      channel.configureBlocking(true);
      channel.socket().setSoTimeout(Math.toIntExact(patience.quiet().toMillis()));
      InputStream in = channel.socket().getInputStream();
      long left = patience.bytes();
      int read = 0;
      while (read >= 0 && left > 0 && System.nanoTime() < end) {
        left -= read;
        read = in.read(buffer);
      }
    } catch (IOException e) {
      LOG.debug("a connection ended that was answered before", e);
    } finally {
      lingering.remove(channel);
    }
  }

  @Override
  protected void doStop() throws Exception {
    super.doStop();
    for (SocketChannel channel : lingering) {
      channel.close();
    }
  }
}
