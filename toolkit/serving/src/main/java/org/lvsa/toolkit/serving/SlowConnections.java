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
 * Closes connections whose request does not arrive. A client that sends it byte by byte never is
 * idle, and would hold its connection for ever: headers must be whole within a time, and a body
 * that still arrives after it must have come at a rate.
 */
final class SlowConnections extends AbstractLifeCycle implements Connection.Listener {
  /** Bytes per second of a body, over all of it. */
  private static final long BODY_RATE = 1024;

  private final Duration patience;
  private final Map<Connection, Arrival> open = new ConcurrentHashMap<>();
  private final ScheduledExecutorService watch =
      Executors.newSingleThreadScheduledExecutor(
          Thread.ofPlatform().daemon().name("slow connections").factory());

  /** What of a request arrives. */
  private enum Part {
    NOTHING,
    HEADERS,
    BODY
  }

  /**
   * A connection when it was looked at.
   *
   * @param part that arrives
   * @param messages requests whose headers were whole
   * @param bytes of all of them
   * @param begun when the part began, in nanoseconds
   * @param bytesBefore bytes that had arrived before the part
   */
  private record Arrival(Part part, long messages, long bytes, long begun, long bytesBefore) {
    Arrival next(long nowMessages, long nowBytes, boolean answering, long now) {
      boolean sameRequest = nowMessages == messages;
      // Bytes of a request that came and went between two looks are not of the next one.
      Part nowPart =
          answering ? Part.BODY : sameRequest && nowBytes > bytes ? Part.HEADERS : Part.NOTHING;
      boolean sameHeaders = part == Part.HEADERS && !answering && sameRequest;
      boolean sameBody = part == Part.BODY && answering && sameRequest;
      return sameHeaders || sameBody
          ? new Arrival(part, nowMessages, nowBytes, begun, bytesBefore)
          : new Arrival(nowPart, nowMessages, nowBytes, now, bytes);
    }

    boolean isTooSlow(Arrival before, long now, Duration patience) {
      double seconds = (now - begun) / 1e9;
      if (seconds * 1e9 <= patience.toNanos()) {
        return false;
      }
      return switch (part) {
        case NOTHING -> false;
        case HEADERS -> true;
        case BODY -> bytes > before.bytes && (bytes - bytesBefore) / seconds < BODY_RATE;
      };
    }
  }

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
    open.put(connection, new Arrival(Part.NOTHING, 0, 0, System.nanoTime(), 0));
  }

  @Override
  public void onClosed(Connection connection) {
    open.remove(connection);
  }

  private void look() {
    long now = System.nanoTime();
    open.forEach(
        (connection, before) -> {
          long messages = connection.getMessagesIn();
          Arrival after =
              before.next(
                  messages, connection.getBytesIn(), messages > connection.getMessagesOut(), now);
          if (after.isTooSlow(before, now, patience)) {
            open.remove(connection);
            connection.getEndPoint().close();
          } else {
            open.replace(connection, after);
          }
        });
  }

  @Override
  protected void doStop() {
    watch.shutdownNow();
  }
}
