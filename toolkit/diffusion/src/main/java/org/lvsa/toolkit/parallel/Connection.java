// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The connection to another rank. A message is a length and that many float32 numbers, big-endian;
 * the length −1 says that the sender gave up, and its reason follows, and −2 that it has done its
 * work. A connection that ends without one of these two was lost with its rank. A thread reads what
 * comes into the inbox, so that a failure is noticed whatever this rank is doing.
 */
final class Connection {
  /** Numbers sent at a time. */
  private static final int PIECE = 1 << 16;

  /** In place of a length: the sender gave up. */
  private static final int GAVE_UP = -1;

  /** In place of a length: the sender has done its work. */
  private static final int LEFT = -2;

  /** How long the other end may take to say why it takes nothing more. */
  private static final Duration REASON = Duration.ofSeconds(1);

  private final int other;
  private final Socket socket;
  private final DataOutputStream out;
  private final Inbox inbox;
  private final Thread reader;
  private final ReentrantLock writing = new ReentrantLock();

  /**
   * @param other the rank at the other end
   * @param inbox takes what comes from it
   */
  Connection(int other, Socket socket, Inbox inbox) throws IOException {
    this.other = other;
    this.socket = socket;
    this.inbox = inbox;
    socket.setSoTimeout(0);
    out = new DataOutputStream(new BufferedOutputStream(socket.getOutputStream(), PIECE));
    DataInputStream in =
        new DataInputStream(new BufferedInputStream(socket.getInputStream(), PIECE));
    reader = Thread.ofPlatform().daemon().name("from rank " + other).start(() -> readAll(in));
  }

  private void readAll(DataInputStream in) {
    try {
      while (read(in)) {}
    } catch (IOException e) {
      if (!inbox.left(other)) {
        inbox.fail(RankFailure.lost(other, e));
      }
    }
  }

  /** Reads one message; whether another one may follow. */
  private boolean read(DataInputStream in) throws IOException {
    int length = in.readInt();
    if (length == GAVE_UP) {
      inbox.fail(new RankFailure(in.readInt(), in.readUTF()));
      return false;
    }
    if (length == LEFT) {
      inbox.leave(other);
      return false;
    }
    if (length < 0 || (long) length * Float.BYTES > Runtime.getRuntime().maxMemory()) {
      inbox.fail(
          new RankFailure(
              other,
              "sent a message of " + length + " numbers, which no rank of this run can mean"));
      return false;
    }
    inbox.put(other, numbers(in, length));
    return true;
  }

  private static float[] numbers(DataInputStream in, int length) throws IOException {
    float[] part = new float[length];
    // In pieces: no second copy of a large part.
    ByteBuffer bytes = ByteBuffer.allocate(PIECE * Float.BYTES);
    for (int at = 0; at < part.length; at += PIECE) {
      int count = Math.min(PIECE, part.length - at);
      in.readFully(bytes.array(), 0, count * Float.BYTES);
      bytes.asFloatBuffer().get(part, at, count);
    }
    return part;
  }

  /**
   * Sends numbers.
   *
   * @throws RankFailure with the other rank's reason, if it takes nothing more
   */
  void send(float[] part) {
    writing.lock();
    try {
      out.writeInt(part.length);
      ByteBuffer bytes = ByteBuffer.allocate(PIECE * Float.BYTES);
      for (int at = 0; at < part.length; at += PIECE) {
        int count = Math.min(PIECE, part.length - at);
        bytes.asFloatBuffer().put(part, at, count);
        out.write(bytes.array(), 0, count * Float.BYTES);
      }
      out.flush();
    } catch (IOException e) {
      awaitEnd(REASON);
      inbox.check();
      throw inbox.left(other) ? new RankFailure(other, "left") : RankFailure.lost(other, e);
    } finally {
      writing.unlock();
    }
  }

  /** Tells the other rank why this run ends, and waits a little for it to hear. */
  void giveUp(RankFailure failure, Duration patience) {
    try {
      writing.lock();
      try {
        out.writeInt(GAVE_UP);
        out.writeInt(failure.rank());
        out.writeUTF(failure.reason());
        out.flush();
        socket.shutdownOutput();
      } finally {
        writing.unlock();
      }
      // A socket that is closed with unread data resets the connection, and the reason is lost
      // there: the reader takes what still comes.
      awaitEnd(patience);
    } catch (IOException e) {
      // That rank is gone too.
    }
  }

  private void awaitEnd(Duration patience) {
    try {
      reader.join(patience);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Says that this rank has done its work, unless a message is just under way, and closes. */
  void close() {
    if (writing.tryLock()) {
      try {
        out.writeInt(LEFT);
        out.flush();
      } catch (IOException e) {
        // The other end is gone, or knows already.
      } finally {
        writing.unlock();
      }
    }
    Arrivals.close(socket);
  }
}
