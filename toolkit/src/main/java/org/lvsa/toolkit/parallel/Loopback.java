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
import java.nio.ByteBuffer;
import java.util.List;

/**
 * Ranks in JVMs of their own on one machine: each listens on a port and knows the others' ports.
 * Messages are a length and float32 numbers, big-endian.
 */
public final class Loopback implements Communicator {

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
    Thread sender =
        Thread.ofVirtual()
            .start(
                () -> {
                  for (int to = 0; to < world(); to++) {
                    if (to != rank) {
                      send(to, parts[to]);
                    }
                  }
                });
    for (int from = 0; from < world(); from++) {
      if (from != rank) {
        received[from] = receive(from);
      }
    }
    try {
      sender.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while sending", e);
    }
    return received;
  }

  private void send(int to, float[] part) {
    try {
      ByteBuffer bytes = ByteBuffer.allocate(part.length * Float.BYTES);
      bytes.asFloatBuffer().put(part);
      out[to].writeInt(part.length);
      out[to].write(bytes.array());
      out[to].flush();
      synchronized (this) {
        sent += bytes.capacity();
      }
    } catch (IOException e) {
      throw new UncheckedIOException("rank " + to + " is gone", e);
    }
  }

  private float[] receive(int from) {
    try {
      byte[] bytes = new byte[in[from].readInt() * Float.BYTES];
      in[from].readFully(bytes);
      float[] part = new float[bytes.length / Float.BYTES];
      ByteBuffer.wrap(bytes).asFloatBuffer().get(part);
      return part;
    } catch (IOException e) {
      throw new UncheckedIOException("rank " + from + " is gone", e);
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
