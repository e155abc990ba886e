// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.parallel;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * 32 random bytes that only the ranks of one run know. A rank proves with them that it belongs to
 * the run. They are drawn by rank 0, or by whoever starts the ranks, and handed to the processes by
 * their environment, which other users of the machine cannot read; they are never an argument and
 * never sent.
 */
public final class RunSecret {
  /** The environment variable that hands the secret to a process. */
  public static final String VARIABLE = "LVSA_RANK_SECRET";

  private static final int BYTES = 32;
  private static final String ALGORITHM = "HmacSHA256";

  private final byte[] bytes;

  private RunSecret(byte[] bytes) {
    this.bytes = bytes;
  }

  /** A new secret. */
  public static RunSecret draw() {
    byte[] bytes = new byte[BYTES];
    new SecureRandom().nextBytes(bytes);
    return new RunSecret(bytes);
  }

  /**
   * The secret of the run that started this process.
   *
   * @param environment the process's variables
   * @throws IllegalArgumentException if it is missing or is not 64 hexadecimal digits; the message
   *     does not repeat it
   */
  public static RunSecret of(Map<String, String> environment) {
    String hex = environment.get(VARIABLE);
    if (hex == null || !hex.matches("[0-9a-f]{" + 2 * BYTES + "}")) {
      throw new IllegalArgumentException(
          VARIABLE
              + " must hold the run's secret, "
              + 2 * BYTES
              + " hexadecimal digits: rank 0 sets it for the processes that it starts, and whoever"
              + " starts them for all of them");
    }
    return new RunSecret(HexFormat.of().parseHex(hex));
  }

  /** As the environment variable holds it. */
  String hex() {
    return HexFormat.of().formatHex(bytes);
  }

  /**
   * Proves knowledge of the secret without telling it (HMAC-SHA-256).
   *
   * @param side which end of the connection proves it, so that neither can repeat the other's proof
   * @param rank that the caller says it is
   * @param nonces random bytes of both ends, so that no proof serves twice
   */
  byte[] proof(String side, int rank, byte[]... nonces) {
    try {
      Mac mac = Mac.getInstance(ALGORITHM);
      mac.init(new SecretKeySpec(bytes, ALGORITHM));
      mac.update(side.getBytes(StandardCharsets.US_ASCII));
      mac.update(ByteBuffer.allocate(Integer.BYTES).putInt(rank).array());
      for (byte[] nonce : nonces) {
        mac.update(nonce);
      }
      return mac.doFinal();
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every Java platform has " + ALGORITHM, e);
    }
  }

  /** Whether a proof is right; takes the same time for every wrong one. */
  boolean holds(byte[] proof, String side, int rank, byte[]... nonces) {
    return MessageDigest.isEqual(proof, proof(side, rank, nonces));
  }

  /** Never the secret: a log line must not tell it. */
  @Override
  public String toString() {
    return "RunSecret";
  }
}
