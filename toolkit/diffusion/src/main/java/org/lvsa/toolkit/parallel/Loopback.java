// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.lvsa.toolkit.profile.TransferEvent;

/**
 * Ranks in JVMs of their own on one machine, connected over TCP on the loopback interface.
 *
 * <p>Rank 0 listens on a port that the others are told. They call it, prove that they know the
 * run's {@link RunSecret}, and learn from it where the others listen; every pair of ranks keeps one
 * connection. Whoever else calls is ignored. A message is a length and that many float32 numbers,
 * big-endian; the length −1 says that the sender gave up, and its reason follows.
 */
public final class Loopback implements Communicator {
  /** Numbers sent at a time. */
  private static final int PIECE = 1 << 16;

  /** In place of a length: the sender gave up. */
  private static final int GAVE_UP = -1;

  private static final int LAST_PORT = 0xffff;

  private static final Duration BETWEEN_CALLS = Duration.ofMillis(50);

  /** How long a rank that gives up takes to tell the others. */
  private static final Duration FAREWELL = Duration.ofSeconds(2);

  private final int rank;
  private final Peer[] peers;
  private final Patience patience;
  private long sent;
  private volatile boolean closed;

  /** The connection to another rank. */
  private record Peer(Socket socket, DataInputStream in, DataOutputStream out) {
    static Peer of(Socket socket, Duration exchange) throws IOException {
      socket.setSoTimeout(Math.toIntExact(exchange.toMillis()));
      return new Peer(
          socket,
          new DataInputStream(new BufferedInputStream(socket.getInputStream(), PIECE)),
          new DataOutputStream(new BufferedOutputStream(socket.getOutputStream(), PIECE)));
    }
  }

  private Loopback(int rank, int world, SortedMap<Integer, Socket> others, Patience patience)
      throws IOException {
    this.rank = rank;
    this.patience = patience;
    peers = new Peer[world];
    for (var other : others.entrySet()) {
      peers[other.getKey()] = Peer.of(other.getValue(), patience.exchange());
    }
  }

  /** A socket on a free port of the loopback interface, for {@link #host}. */
  public static ServerSocket listen(int world) throws IOException {
    return new ServerSocket(0, world, InetAddress.getLoopbackAddress());
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
  public static Loopback host(ServerSocket server, int world, RunSecret secret, Patience patience)
      throws IOException {
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
          return new Loopback(0, world, others, patience);
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
  public static Loopback join(
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
            return new Loopback(rank, world, others, patience);
          }
        });
  }

  /** Something that connects. */
  @FunctionalInterface
  private interface Connecting {
    Loopback connect() throws IOException;
  }

  /** Closes what was connected so far if the rest fails. */
  private static Loopback connected(SortedMap<Integer, Socket> others, Connecting connecting)
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

  private static void checkPlace(int rank, int world) {
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
    return exchange(IntStream.range(0, world()).boxed().toList(), parts);
  }

  /**
   * Exchanges among some ranks.
   *
   * @param members their numbers; {@code parts[i]} is for the i-th
   */
  private float[][] exchange(List<Integer> members, float[][] parts) {
    if (parts.length != members.size()) {
      throw new IllegalArgumentException(
          "there must be one part per rank (" + members.size() + "), got " + parts.length);
    }
    float[][] received = new float[members.size()][];
    // Sending waits for the receiver once buffers are full, so it must not stand before receiving.
    FutureTask<Void> sending =
        new FutureTask<>(
            () -> {
              for (int i = 0; i < parts.length; i++) {
                if (members.get(i) != rank) {
                  send(members.get(i), parts[i]);
                }
              }
              return null;
            });
    Thread.ofVirtual().start(sending);
    try (TransferEvent _ = TransferEvent.exchange(parts, members.indexOf(rank))) {
      for (int i = 0; i < parts.length; i++) {
        received[i] = members.get(i) == rank ? parts[i] : receive(members.get(i));
      }
      sending.get();
      return received;
    } catch (RankFailure e) {
      fail(e);
      throw e;
    } catch (ExecutionException e) {
      RankFailure failure = RankFailure.of(rank, e.getCause());
      fail(failure);
      throw failure;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while sending to the other ranks", e);
    }
  }

  @Override
  public Communicator group(List<Integer> members) {
    return new Group(List.copyOf(members), requireMember(members));
  }

  /** Some of the ranks, over the same connections. */
  private final class Group implements Communicator {
    private final List<Integer> members;
    private final int place;
    private long sentInGroup;

    Group(List<Integer> members, int place) {
      this.members = members;
      this.place = place;
    }

    @Override
    public int rank() {
      return place;
    }

    @Override
    public int world() {
      return members.size();
    }

    @Override
    public int number(int member) {
      return members.get(member);
    }

    @Override
    public Communicator group(List<Integer> some) {
      return new Group(some.stream().map(members::get).toList(), requireMember(some));
    }

    @Override
    public float[][] allToAll(float[][] parts) {
      float[][] received = exchange(members, parts);
      for (int to = 0; to < parts.length; to++) {
        sentInGroup += to == place ? 0 : (long) parts[to].length * Float.BYTES;
      }
      return received;
    }

    @Override
    public long bytesSent() {
      return sentInGroup;
    }

    @Override
    public void close() {
      Loopback.this.close();
    }

    @Override
    public void fail(Throwable cause) {
      Loopback.this.fail(cause);
    }
  }

  private void send(int to, float[] part) {
    DataOutputStream out = peers[to].out();
    try {
      synchronized (out) {
        out.writeInt(part.length);
        // In pieces: no second copy of a large part.
        ByteBuffer bytes = ByteBuffer.allocate(PIECE * Float.BYTES);
        for (int at = 0; at < part.length; at += PIECE) {
          int count = Math.min(PIECE, part.length - at);
          bytes.asFloatBuffer().put(part, at, count);
          out.write(bytes.array(), 0, count * Float.BYTES);
        }
        out.flush();
      }
      synchronized (this) {
        sent += (long) part.length * Float.BYTES;
      }
    } catch (IOException e) {
      throw gone(to, e);
    }
  }

  private float[] receive(int from) {
    DataInputStream in = peers[from].in();
    try {
      int length = in.readInt();
      if (length == GAVE_UP) {
        throw new RankFailure(in.readInt(), in.readUTF());
      }
      if (length < 0 || (long) length * Float.BYTES > Runtime.getRuntime().maxMemory()) {
        throw new RankFailure(
            from, "sent a message of " + length + " numbers, which no rank of this run can mean");
      }
      float[] part = new float[length];
      ByteBuffer bytes = ByteBuffer.allocate(PIECE * Float.BYTES);
      for (int at = 0; at < part.length; at += PIECE) {
        int count = Math.min(PIECE, part.length - at);
        in.readFully(bytes.array(), 0, count * Float.BYTES);
        bytes.asFloatBuffer().get(part, at, count);
      }
      return part;
    } catch (SocketTimeoutException e) {
      throw new RankFailure(from, "sent nothing for " + Arrivals.seconds(patience.exchange()));
    } catch (IOException e) {
      throw gone(from, e);
    }
  }

  private RankFailure gone(int other, IOException cause) {
    RankFailure failure =
        closed ? new RankFailure(rank, "left") : new RankFailure(other, "is gone");
    failure.initCause(cause);
    return failure;
  }

  @Override
  public synchronized long bytesSent() {
    return sent;
  }

  /** Tells the others the reason, as far as they can still be reached, and closes. */
  @Override
  public void fail(Throwable cause) {
    if (closed) {
      return;
    }
    RankFailure failure = RankFailure.of(rank, cause);
    // A thread per peer: one that reads no more must not keep the reason from the next one.
    List<Thread> telling =
        others().stream().map(peer -> Thread.ofVirtual().start(() -> tell(peer, failure))).toList();
    long end = System.nanoTime() + FAREWELL.toNanos();
    try {
      for (Thread one : telling) {
        one.join(Duration.ofMillis(millisUntil(end)));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      close();
    }
  }

  private static void tell(Peer peer, RankFailure failure) {
    try {
      synchronized (peer.out()) {
        peer.out().writeInt(GAVE_UP);
        peer.out().writeInt(failure.rank());
        peer.out().writeUTF(failure.reason());
        peer.out().flush();
        peer.socket().shutdownOutput();
      }
      // A socket that is closed with unread data resets the connection, and the reason is lost
      // there.
      peer.socket().setSoTimeout(Math.toIntExact(FAREWELL.toMillis()));
      InputStream rest = peer.socket().getInputStream();
      byte[] unread = new byte[PIECE];
      while (rest.read(unread) >= 0) {}
    } catch (IOException e) {
      // That rank is gone too.
    }
  }

  private List<Peer> others() {
    return IntStream.range(0, peers.length)
        .filter(other -> other != rank)
        .mapToObj(other -> peers[other])
        .toList();
  }

  @Override
  public void close() {
    closed = true;
    others().forEach(peer -> Arrivals.close(peer.socket()));
  }
}
