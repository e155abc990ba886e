// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.io.EOFException;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Waits at a port for ranks of the run. Every caller is heard in a thread of its own, so a silent
 * one keeps nobody waiting; who is not of the run, or calls a second time, is hung up on.
 */
final class Arrivals {
  /** How long one caller may take to prove itself. */
  private static final Duration ONE_CALLER = Duration.ofSeconds(5);

  private final SortedSet<Integer> missing;
  private final RunSecret secret;
  private final SortedMap<Integer, Socket> arrived = new TreeMap<>();
  private final List<Socket> callers = new ArrayList<>();
  private final CompletableFuture<Void> complete = new CompletableFuture<>();
  private int ignored;
  private String lastIgnored = "";
  private boolean over;

  private Arrivals(SortedSet<Integer> expected, RunSecret secret) {
    missing = new TreeSet<>(expected);
    this.secret = secret;
  }

  /**
   * Waits until every expected rank has come, and closes the port.
   *
   * @param server the socket to listen on
   * @param expected ranks that may come, each once
   * @param patience for all of them
   * @return the connection to each
   * @throws IOException naming the ranks that did not come
   */
  static SortedMap<Integer, Socket> await(
      ServerSocket server, SortedSet<Integer> expected, RunSecret secret, Duration patience)
      throws IOException {
    Arrivals arrivals = new Arrivals(expected, secret);
    boolean whole = false;
    try (server) {
      if (!expected.isEmpty()) {
        Thread.ofVirtual().start(() -> arrivals.listen(server, patience));
        arrivals.complete.get(patience.toMillis(), TimeUnit.MILLISECONDS);
      }
      whole = true;
      return arrivals.arrived;
    } catch (TimeoutException e) {
      throw new IOException(arrivals.who() + " did not come within " + seconds(patience), e);
    } catch (ExecutionException e) {
      throw new IOException(
          "stopped waiting for " + arrivals.who() + ": " + e.getCause().getMessage(), e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while waiting for " + arrivals.who(), e);
    } finally {
      arrivals.end(whole);
    }
  }

  private void listen(ServerSocket server, Duration patience) {
    try {
      while (true) {
        Socket caller = server.accept();
        synchronized (this) {
          callers.add(caller);
        }
        Thread.ofVirtual().start(() -> hear(caller, patience));
      }
    } catch (IOException e) {
      complete.completeExceptionally(e); // no effect once all ranks are here
    }
  }

  private void hear(Socket caller, Duration patience) {
    try {
      Duration time = patience.compareTo(ONE_CALLER) < 0 ? patience : ONE_CALLER;
      caller.setSoTimeout(Math.toIntExact(time.toMillis()));
      caller.setTcpNoDelay(true);
      int rank = Handshake.answer(caller, secret);
      takeIn(rank, caller);
    } catch (SocketTimeoutException e) {
      ignore(caller, "it said nothing");
    } catch (EOFException e) {
      ignore(caller, "it hung up");
    } catch (IOException e) {
      ignore(caller, e.getMessage());
    }
  }

  private synchronized void takeIn(int rank, Socket caller) throws IOException {
    if (over || !missing.contains(rank)) {
      throw new IOException(
          arrived.containsKey(rank)
              ? "rank " + rank + " is here already"
              : "rank " + rank + " is not one of the ranks that are waited for");
    }
    Handshake.welcome(caller);
    missing.remove(rank);
    arrived.put(rank, caller);
    if (missing.isEmpty()) {
      complete.complete(null);
    }
  }

  private synchronized void ignore(Socket caller, String reason) {
    if (!over) {
      ignored++;
      lastIgnored = reason;
    }
    callers.remove(caller);
    close(caller);
  }

  /** Hangs up on all callers but the ranks; without all of them, on those too. */
  private synchronized void end(boolean whole) {
    over = true;
    for (Socket caller : callers) {
      if (!whole || !arrived.containsValue(caller)) {
        close(caller);
      }
    }
  }

  private synchronized String who() {
    return (missing.size() == 1 ? "rank " : "ranks ")
        + String.join(", ", missing.stream().map(rank -> "" + rank).toList())
        + (ignored == 0
            ? ""
            : " (callers ignored: " + ignored + ", the last one because " + lastIgnored + ")");
  }

  static void close(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      // The connection is given up anyway.
    }
  }

  static String seconds(Duration time) {
    return time.toMillis() % 1000 == 0 ? time.toSeconds() + " s" : time.toMillis() + " ms";
  }
}
