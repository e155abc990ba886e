// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.security.SecureRandom;

/**
 * The first bytes of a connection between ranks: each end proves that it knows the run's secret.
 *
 * <pre>
 * caller   → listener  magic, rank, 16 random bytes
 * listener → caller    16 random bytes, proof
 * caller   → listener  proof
 * listener → caller    1, if the rank is expected
 * </pre>
 */
final class Handshake {
  private static final int MAGIC = 0x4c_56_53_41; // "LVSA"
  private static final int NONCE = 16;
  private static final int PROOF = 32;
  private static final byte WELCOME = 1;
  private static final SecureRandom RANDOM = new SecureRandom();

  private Handshake() {}

  /**
   * Proves to a listener that this is a rank of the run.
   *
   * @throws IOException if the other end is not of this run, or does not expect the rank
   */
  static void call(Socket socket, int rank, RunSecret secret) throws IOException {
    DataInputStream in = new DataInputStream(socket.getInputStream());
    DataOutputStream out = new DataOutputStream(socket.getOutputStream());
    byte[] mine = nonce();
    out.writeInt(MAGIC);
    out.writeInt(rank);
    out.write(mine);
    byte[] theirs = exactly(in, NONCE);
    if (!secret.holds(exactly(in, PROOF), "listener", rank, mine, theirs)) {
      throw new IOException("what listens there does not know the run's secret");
    }
    out.write(secret.proof("caller", rank, mine, theirs));
    if (in.read() != WELCOME) {
      throw new IOException("rank " + rank + " is not expected there");
    }
  }

  /**
   * Asks a caller to prove that it is a rank of the run.
   *
   * @return the rank that it proved to be; whether that one is expected is not known yet
   * @throws IOException if the caller is not of this run
   */
  static int answer(Socket socket, RunSecret secret) throws IOException {
    DataInputStream in = new DataInputStream(socket.getInputStream());
    DataOutputStream out = new DataOutputStream(socket.getOutputStream());
    if (in.readInt() != MAGIC) {
      throw new IOException("its first bytes are not a rank's");
    }
    int rank = in.readInt();
    byte[] theirs = exactly(in, NONCE);
    byte[] mine = nonce();
    out.write(mine);
    out.write(secret.proof("listener", rank, theirs, mine));
    if (!secret.holds(exactly(in, PROOF), "caller", rank, theirs, mine)) {
      throw new IOException("it does not know the run's secret");
    }
    return rank;
  }

  /** Tells a caller that its rank is taken in. */
  static void welcome(Socket socket) throws IOException {
    socket.getOutputStream().write(WELCOME);
  }

  private static byte[] exactly(DataInputStream in, int count) throws IOException {
    byte[] bytes = new byte[count];
    in.readFully(bytes);
    return bytes;
  }

  private static byte[] nonce() {
    byte[] bytes = new byte[NONCE];
    RANDOM.nextBytes(bytes);
    return bytes;
  }
}
