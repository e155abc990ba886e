// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.BindException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Ranks in JVMs of their own on one machine, connected over TCP on the loopback interface.
 *
 * <p>Rank 0 listens on a port that the others are told. They call it, prove that they know the
 * run's {@link RunSecret}, and learn from it where the others listen; every pair of ranks keeps one
 * connection. Whoever else calls is ignored.
 */
public final class Loopback {
  private static final int LAST_PORT = 0xffff;

  private static final Duration BETWEEN_CALLS = Duration.ofMillis(50);

  private Loopback() {}

  /** A socket on a free port of the loopback interface, for {@link #host}. */
  public static ServerSocket listen(int world) throws IOException {
    return listen(world, 0);
  }

  /**
   * A socket on a port of the loopback interface, for {@link #host}.
   *
   * @param port 0 for a free one
   * @throws IOException naming the port, if another program has it
   */
  public static ServerSocket listen(int world, int port) throws IOException {
    try {
      return new ServerSocket(port, world, InetAddress.getLoopbackAddress());
    } catch (BindException e) {
      throw new IOException("rank 0 cannot listen on port " + port + ": " + e.getMessage(), e);
    }
  }

  /**
   * Connects as rank 0: waits for the ranks that {@link #join} and tells each where the others
   * listen.
   *
   * @param server the socket whose port they were given; it is closed when this returns
   * @param world ranks together
   * @param secret the run's
   * @param patience how long to wait
   * @throws IOException naming the ranks that did not come in time
   */
  public static Communicator host(
      ServerSocket server, int world, RunSecret secret, Patience patience) throws IOException {
    checkPlace(0, world);
    SortedMap<Integer, Socket> others =
        Arrivals.await(server, ranks(1, world), secret, patience.joining());
    return connected(
        others,
        () -> {
          int[] ports = new int[world];
          ports[0] = server.getLocalPort();
          for (int other = 1; other < world; other++) {
            ports[other] = readPort(others.get(other), other, other);
          }
          for (Socket other : others.values()) {
            ByteBuffer message = ByteBuffer.allocate(world * Integer.BYTES);
            message.asIntBuffer().put(ports);
            other.getOutputStream().write(message.array());
          }
          return new TcpRank(0, world, others, patience);
        });
  }

  /**
   * Connects as a later rank, and returns when it is connected to all others.
   *
   * @param rank this one, from 1
   * @param world ranks together
   * @param hostPort the port that rank 0 listens on
   * @param secret the run's
   * @param patience how long to wait
   * @throws IOException if another rank cannot be reached, or does not come in time
   */
  public static Communicator join(
      int rank, int world, int hostPort, RunSecret secret, Patience patience) throws IOException {
    checkPlace(rank, world);
    if (hostPort < 1 || hostPort > LAST_PORT) {
      throw new IllegalArgumentException(
          "the port of rank 0 must be from 1 to " + LAST_PORT + ", got " + hostPort);
    }
    if (rank == 0) {
      throw new IllegalArgumentException("rank 0 does not join: it is the one that is joined");
    }
    SortedMap<Integer, Socket> others = new TreeMap<>();
    long end = System.nanoTime() + patience.joining().toNanos();
    return connected(
        others,
        () -> {
          try (ServerSocket server = listen(world)) {
            Socket host = call(rank, 0, hostPort, secret, end);
            others.put(0, host);
            DataOutputStream out = new DataOutputStream(host.getOutputStream());
            out.writeInt(server.getLocalPort());
            // Every rank calls those before it, and is called by those after it.
            host.setSoTimeout(millisUntil(end));
            int[] ports = new int[world];
            for (int other = 0; other < world; other++) {
              ports[other] = readPort(host, 0, other);
            }
            for (int other = 1; other < rank; other++) {
              others.put(other, call(rank, other, ports[other], secret, end));
            }
            others.putAll(
                Arrivals.await(
                    server, ranks(rank + 1, world), secret, Duration.ofMillis(millisUntil(end))));
            return new TcpRank(rank, world, others, patience);
          }
        });
  }

  /** Something that connects. */
  @FunctionalInterface
  private interface Connecting {
    Communicator connect() throws IOException;
  }

  /** Closes what was connected so far if the rest fails. */
  private static Communicator connected(SortedMap<Integer, Socket> others, Connecting connecting)
      throws IOException {
    try {
      return connecting.connect();
    } catch (IOException | RuntimeException e) {
      others.values().forEach(Arrivals::close);
      throw e;
    }
  }

  private static TreeSet<Integer> ranks(int first, int end) {
    return IntStream.range(first, end).boxed().collect(Collectors.toCollection(TreeSet::new));
  }

  /**
   * Refuses a rank that is none of the run's.
   *
   * @throws IllegalArgumentException naming both numbers
   */
  public static void checkPlace(int rank, int world) {
    if (world < 1 || rank < 0 || rank >= world) {
      throw new IllegalArgumentException(
          "rank must be from 0 to the number of ranks less 1, got rank " + rank + " of " + world);
    }
  }

  /** Reads where a rank listens, as the sender says. */
  private static int readPort(Socket socket, int sender, int whose) throws IOException {
    int port;
    try {
      port = new DataInputStream(socket.getInputStream()).readInt();
    } catch (EOFException | SocketTimeoutException e) {
      throw new IOException("rank " + sender + " gave up while the ranks were joining", e);
    }
    if (port < 1 || port > LAST_PORT) {
      throw new IOException(
          "rank "
              + sender
              + " says that rank "
              + whose
              + " listens on port "
              + port
              + ", allowed are 1 to "
              + LAST_PORT);
    }
    return port;
  }

  private static int millisUntil(long end) {
    return Math.clamp((end - System.nanoTime()) / 1_000_000, 1, Integer.MAX_VALUE);
  }

  /** Calls a rank until it answers: it may not listen yet. */
  private static Socket call(int rank, int other, int port, RunSecret secret, long end)
      throws IOException {
    while (true) {
      Socket socket = new Socket();
      try {
        socket.connect(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), port), millisUntil(end));
        socket.setTcpNoDelay(true);
        socket.setSoTimeout(millisUntil(end));
        Handshake.call(socket, rank, secret);
        return socket;
      } catch (ConnectException | SocketTimeoutException e) {
        Arrivals.close(socket);
        if (System.nanoTime() >= end) {
          throw new IOException("rank " + other + " does not listen on port " + port, e);
        }
        pause();
      } catch (IOException e) {
        Arrivals.close(socket);
        throw new IOException(
            "rank "
                + other
                + " on port "
                + port
                + " did not take in rank "
                + rank
                + ": "
                + (e.getMessage() == null ? "it hung up" : e.getMessage()),
            e);
      }
    }
  }

  private static void pause() throws IOException {
    try {
      Thread.sleep(BETWEEN_CALLS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while calling the other ranks", e);
    }
  }
}
