// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.eclipse.jetty.io.Connection;
import org.eclipse.jetty.util.component.AbstractLifeCycle;

/**
 * Closes connections whose request does not arrive: a client that sends its headers byte by byte
 * never is idle, and would hold its connection for ever.
 */
final class SlowConnections extends AbstractLifeCycle implements Connection.Listener {
  private final Duration patience;
  private final Map<Connection, Arrival> open = new ConcurrentHashMap<>();
  private final ScheduledExecutorService watch =
      Executors.newSingleThreadScheduledExecutor(
          Thread.ofPlatform().daemon().name("slow connections").factory());

  /**
   * What of a request has arrived.
   *
   * @param messages requests whose headers were whole
   * @param bytes of all of them
   * @param begun when the headers of the next one began to arrive, in nanoseconds; 0 for not yet
   */
  private record Arrival(long messages, long bytes, long begun) {}

  /**
   * @param patience how long the headers of a request may take
   */
  SlowConnections(Duration patience) {
    this.patience = patience;
    long millis = Math.max(1, patience.toMillis() / 10);
    watch.scheduleWithFixedDelay(this::look, millis, millis, TimeUnit.MILLISECONDS);
  }

  @Override
  public void onOpened(Connection connection) {
    open.put(connection, new Arrival(0, 0, System.nanoTime()));
  }

  @Override
  public void onClosed(Connection connection) {
    open.remove(connection);
  }

  private void look() {
    long now = System.nanoTime();
    open.forEach(
        (connection, before) -> {
          Arrival after = next(connection, before, now);
          if (after.begun() != 0 && now - after.begun() > patience.toNanos()) {
            open.remove(connection);
            connection.getEndPoint().close();
          } else {
            open.replace(connection, after);
          }
        });
  }

  private static Arrival next(Connection connection, Arrival before, long now) {
    long messages = connection.getMessagesIn();
    long bytes = connection.getBytesIn();
    if (messages > before.messages() || messages > connection.getMessagesOut()) {
      // A request is whole, or is being answered: what arrives now is its body.
      return new Arrival(messages, bytes, 0);
    }
    boolean arrives = before.begun() != 0 || bytes > before.bytes();
    return new Arrival(messages, bytes, arrives ? before.begun() == 0 ? now : before.begun() : 0);
  }

  @Override
  protected void doStop() {
    watch.shutdownNow();
  }
}
