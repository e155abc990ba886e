// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import io.javalin.http.Context;
import io.javalin.http.HandlerType;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.lvsa.toolkit.io.Messages;

/**
 * Decides who may ask: by API key, and by where a browser's page comes from. A page of another site
 * that a user of this machine looks at must not reach a server that listens here alone.
 */
final class Guard {
  private static final String BEARER = "bearer ";
  private static final String LOCAL = "localhost";
  private static final String ANY = "*";

  private final Access access;
  private final boolean isLoopback;
  private final Optional<byte[]> key;

  /**
   * Who may ask.
   *
   * @param host to listen at: a name or an address
   * @param apiKey that requests must have; empty for none
   * @param origins of pages that may ask too, such as {@code https://example.org}; {@code *} for
   *     all
   */
  record Access(String host, Optional<String> apiKey, Set<String> origins) {}

  /**
   * A guard.
   *
   * @throws IllegalArgumentException if the host is none, or others than this machine can reach it
   *     and there is no key
   */
  Guard(Access access) {
    this.access = access;
    try {
      isLoopback = InetAddress.getByName(access.host()).isLoopbackAddress();
    } catch (UnknownHostException e) {
      throw new IllegalArgumentException(
          "the host must be a name or an address of this machine, got "
              + Messages.cut(access.host()),
          e);
    }
    if (access.apiKey().filter(String::isBlank).isPresent()) {
      throw new IllegalArgumentException("the API key is empty");
    }
    if (!isLoopback && access.apiKey().isEmpty()) {
      throw new IllegalArgumentException(
          "others can reach "
              + access.host()
              + ": an API key is required there (--api-key-file FILE)");
    }
    key = access.apiKey().map(Guard::digest);
  }

  private static byte[] digest(String text) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * Judges a request before anything else is done with it.
   *
   * @param route what it asks for; empty for nothing that is known
   * @throws ApiException if it may not
   */
  void check(Context context, Optional<Route> route) {
    requireHost(Optional.ofNullable(context.header("Host")).orElse(""));
    boolean isPreflight = requireOrigin(context);
    if (isPreflight) {
      context.status(204);
      context.skipRemainingHandlers();
      return;
    }
    if (key.isPresent() && !route.map(Route::isOpen).orElse(false)) {
      requireKey(context);
    }
  }

  private void requireKey(Context context) {
    String header = Optional.ofNullable(context.header("Authorization")).orElse("");
    boolean hasKey = header.toLowerCase(Locale.ROOT).startsWith(BEARER);
    String given = hasKey ? header.substring(BEARER.length()).strip() : "";
    // Digests have one length, and are compared in constant time.
    if (!MessageDigest.isEqual(digest(given), key.orElseThrow()) || !hasKey) {
      context.header("WWW-Authenticate", "Bearer");
      throw new ApiException(
          Fault.INVALID_API_KEY,
          hasKey
              ? "the API key is not this server's"
              : "an API key is required: send the header Authorization: Bearer KEY");
    }
  }

  /** Another name for this machine, which a site gave its own, is how its pages get around. */
  private void requireHost(String header) {
    if (!isLoopback) {
      return;
    }
    String name = header.replaceFirst(":\\d*$", "").toLowerCase(Locale.ROOT);
    boolean isOwn =
        name.equals(LOCAL)
            || name.equals("[::1]")
            || name.matches("127(\\.\\d{1,3}){3}")
            || name.equals(access.host().toLowerCase(Locale.ROOT));
    if (!isOwn) {
      throw new ApiException(
          Fault.FORBIDDEN_HOST,
          "this server listens to this machine alone, not as " + Messages.cut(name));
    }
  }

  /** Whether the request only asks whether another one would be answered. */
  private boolean requireOrigin(Context context) {
    String origin = context.header("Origin");
    if (origin == null) {
      return false;
    }
    String own = "http://" + context.header("Host");
    if (origin.equals(own) || origin.equals(own.replaceFirst("^http:", "https:"))) {
      return false;
    }
    if (!access.origins().contains(origin) && !access.origins().contains(ANY)) {
      throw new ApiException(
          Fault.FORBIDDEN_ORIGIN, "pages of " + Messages.cut(origin) + " may not ask this server");
    }
    context.header("Access-Control-Allow-Origin", origin);
    context.header("Vary", "Origin");
    context.header("Access-Control-Expose-Headers", "Retry-After, X-Request-Id, X-Model");
    boolean isPreflight =
        context.method() == HandlerType.OPTIONS
            && context.header("Access-Control-Request-Method") != null;
    if (isPreflight) {
      context.header("Access-Control-Allow-Methods", "GET, HEAD, POST, DELETE");
      context.header("Access-Control-Allow-Headers", "Authorization, Content-Type, Range");
      context.header("Access-Control-Max-Age", "600");
    }
    return isPreflight;
  }
}
