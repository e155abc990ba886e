// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * Ranks in JVMs of their own on one machine: each listens on a port and knows the others' ports.
 * Messages are a length and float32 numbers, big-endian.
 */
public final class Loopback implements Communicator {
  /** Numbers sent at a time. */
  private static final int PIECE = 1 << 16;

  private final int rank;
  private final Socket[] peers;
  private final DataInputStream[] in;
  private final DataOutputStream[] out;
  private long sent;

  private Loopback(int rank, Socket[] peers) throws IOException {
    this.rank = rank;
    this.peers = peers;
    in = new DataInputStream[peers.length];
    out = new DataOutputStream[peers.length];
    for (int r = 0; r < peers.length; r++) {
      if (r != rank) {
        in[r] = new DataInputStream(new BufferedInputStream(peers[r].getInputStream(), 1 << 16));
        out[r] =
            new DataOutputStream(new BufferedOutputStream(peers[r].getOutputStream(), 1 << 16));
      }
    }
  }

  /**
   * Waits for ranks that {@link #join}, tells each where the others listen, and connects as rank 0.
   *
   * @param server the socket whose port they were given
   * @param world ranks together
   */
  public static Loopback host(ServerSocket server, int world) throws IOException {
    Integer[] ports = new Integer[world];
    ports[0] = server.getLocalPort();
    server.setSoTimeout(patienceMillis());
    List<Socket> arrived = new ArrayList<>();
    try {
      while (arrived.size() < world - 1) {
        Socket caller = server.accept();
        arrived.add(caller);
        DataInputStream in = new DataInputStream(caller.getInputStream());
        ports[in.readInt()] = in.readInt();
      }
      for (Socket caller : arrived) {
        DataOutputStream out = new DataOutputStream(caller.getOutputStream());
        for (int port : ports) {
          out.writeInt(port);
        }
      }
    } catch (SocketTimeoutException e) {
      throw new IOException(
          "%d of %d other ranks did not come".formatted(world - 1 - arrived.size(), world - 1), e);
    } finally {
      for (Socket caller : arrived) {
        caller.close();
      }
    }
    return connect(0, server, List.of(ports));
  }

  /**
   * Joins ranks that gather at a port, and returns when all are there.
   *
   * @param rank this one, from 1
   * @param world ranks together
   * @param host the port that rank 0 listens on
   */
  public static Loopback join(int rank, int world, int host) throws IOException {
    try (ServerSocket server = new ServerSocket(0, world, InetAddress.getLoopbackAddress())) {
      Integer[] ports = new Integer[world];
      try (Socket socket = call(host)) {
        DataOutputStream out = new DataOutputStream(socket.getOutputStream());
        out.writeInt(rank);
        out.writeInt(server.getLocalPort());
        DataInputStream in = new DataInputStream(socket.getInputStream());
        for (int r = 0; r < world; r++) {
          ports[r] = in.readInt();
        }
      }
      return connect(rank, server, List.of(ports));
    }
  }

  /**
   * Connects to all other ranks, and returns when all are there.
   *
   * @param rank this one
   * @param server the socket that this rank listens on
   * @param ports of all ranks
   */
  public static Loopback connect(int rank, ServerSocket server, List<Integer> ports)
      throws IOException {
    Socket[] peers = new Socket[ports.size()];
    // Every rank calls those before it, and is called by those after it.
    for (int r = 0; r < rank; r++) {
      peers[r] = call(ports.get(r));
      new DataOutputStream(peers[r].getOutputStream()).writeInt(rank);
    }
    server.setSoTimeout(patienceMillis());
    for (int r = rank + 1; r < ports.size(); r++) {
      Socket caller = server.accept();
      caller.setTcpNoDelay(true);
      peers[new DataInputStream(caller.getInputStream()).readInt()] = caller;
    }
    return new Loopback(rank, peers);
  }

  /** How long a rank waits for the others to start ({@code -Dlvsa.loopback.patience}). */
  private static int patienceMillis() {
    return Integer.getInteger("lvsa.loopback.patience", 20_000);
  }

  private static Socket call(int port) throws IOException {
    long end = System.nanoTime() + patienceMillis() * 1_000_000L;
    while (true) {
      try {
        Socket socket = new Socket();
        socket.connect(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), port), patienceMillis());
        socket.setTcpNoDelay(true);
        return socket;
      } catch (IOException e) {
        if (System.nanoTime() > end) {
          throw new IOException("no rank listens on port " + port, e);
        }
        Thread.onSpinWait();
      }
    }
  }

  @Override
  public int rank() {
    return rank;
  }

  @Override
  public int world() {
    return peers.length;
  }

  @Override
  public float[][] allToAll(float[][] parts) {
    float[][] received = new float[world()][];
    received[rank] = parts[rank];
    // Sending waits for the receiver once buffers are full, so it must not stand before receiving.
    FutureTask<Void> sending =
        new FutureTask<>(
            () -> {
              for (int to = 0; to < world(); to++) {
                if (to != rank) {
                  send(to, parts[to]);
                }
              }
              return null;
            });
    Thread.ofVirtual().start(sending);
    try {
      for (int from = 0; from < world(); from++) {
        if (from != rank) {
          received[from] = receive(from);
        }
      }
      sending.get();
      return received;
    } catch (IOException e) {
      throw new IllegalStateException("another rank failed: " + e.getMessage(), e);
    } catch (ExecutionException e) {
      throw new IllegalStateException(
          "another rank failed: " + e.getCause().getMessage(), e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while sending", e);
    }
  }

  private void send(int to, float[] part) throws IOException {
    try {
      out[to].writeInt(part.length);
      // In pieces: no second copy of a large part.
      ByteBuffer bytes = ByteBuffer.allocate(PIECE * Float.BYTES);
      for (int at = 0; at < part.length; at += PIECE) {
        int count = Math.min(PIECE, part.length - at);
        bytes.asFloatBuffer().put(part, at, count);
        out[to].write(bytes.array(), 0, count * Float.BYTES);
      }
      out[to].flush();
      synchronized (this) {
        sent += (long) part.length * Float.BYTES;
      }
    } catch (IOException e) {
      throw new IOException("rank " + to + " is gone", e);
    }
  }

  private float[] receive(int from) throws IOException {
    try {
      float[] part = new float[in[from].readInt()];
      ByteBuffer bytes = ByteBuffer.allocate(PIECE * Float.BYTES);
      for (int at = 0; at < part.length; at += PIECE) {
        int count = Math.min(PIECE, part.length - at);
        in[from].readFully(bytes.array(), 0, count * Float.BYTES);
        bytes.asFloatBuffer().get(part, at, count);
      }
      return part;
    } catch (IOException e) {
      throw new IOException("rank " + from + " is gone", e);
    }
  }

  @Override
  public synchronized long bytesSent() {
    return sent;
  }

  @Override
  public void close() {
    for (Socket peer : peers) {
      if (peer != null) {
        try {
          peer.close();
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    }
  }
}
