// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.io.IOException;
import java.net.Socket;
import java.time.Duration;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.lvsa.toolkit.profile.TransferEvent;

/** One of the ranks that {@link Loopback} connects. */
final class TcpRank implements Communicator {
  /** How long a rank that gives up takes to tell the others. */
  private static final Duration FAREWELL = Duration.ofSeconds(2);

  private final int rank;
  private final int world;
  private final Patience patience;
  private final Inbox inbox;
  private final SortedMap<Integer, Connection> others = new TreeMap<>();
  private final AtomicLong sent = new AtomicLong();
  private volatile boolean closed;

  /**
   * @param sockets to every other rank
   */
  TcpRank(int rank, int world, SortedMap<Integer, Socket> sockets, Patience patience)
      throws IOException {
    this.rank = rank;
    this.world = world;
    this.patience = patience;
    inbox = new Inbox(world);
    for (var socket : sockets.entrySet()) {
      others.put(socket.getKey(), new Connection(socket.getKey(), socket.getValue(), inbox));
    }
  }

  @Override
  public int rank() {
    return rank;
  }

  @Override
  public int world() {
    return world;
  }

  @Override
  public float[][] allToAll(float[][] parts) {
    return exchange(IntStream.range(0, world).boxed().toList(), parts);
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
                  others.get(members.get(i)).send(parts[i]);
                  sent.addAndGet((long) parts[i].length * Float.BYTES);
                }
              }
              return null;
            });
    try (TransferEvent _ = TransferEvent.exchange(parts, members.indexOf(rank))) {
      inbox.check();
      Thread.ofVirtual().start(sending);
      for (int i = 0; i < parts.length; i++) {
        received[i] =
            members.get(i) == rank ? parts[i] : inbox.take(members.get(i), patience.exchange());
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
      TcpRank.this.close();
    }

    @Override
    public void fail(Throwable cause) {
      TcpRank.this.fail(cause);
    }

    @Override
    public void check() {
      TcpRank.this.check();
    }
  }

  @Override
  public void check() {
    inbox.check();
  }

  @Override
  public long bytesSent() {
    return sent.get();
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
        others.values().stream()
            .map(other -> Thread.ofVirtual().start(() -> other.giveUp(failure, FAREWELL)))
            .toList();
    long end = System.nanoTime() + FAREWELL.toNanos();
    try {
      for (Thread one : telling) {
        one.join(Duration.ofNanos(Math.max(1, end - System.nanoTime())));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      close();
    }
  }

  @Override
  public void close() {
    closed = true;
    inbox.fail(new RankFailure(rank, "left"));
    others.values().forEach(Connection::close);
  }
}
