// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.weights;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Reading weights before they are needed. */
class ReadAheadTest {
  @TempDir private Path directory;

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void everyByteIsReadAndCounted(int threads) throws IOException {
    Path large = Files.write(directory.resolve("a"), new byte[(1 << 22) * 2 + 5]);
    Path empty = Files.write(directory.resolve("b"), new byte[0]);
    Path small = Files.write(directory.resolve("c"), new byte[7]);
    List<Path> files = List.of(large, empty, small);
    AtomicLong most = new AtomicLong();
    ReadAhead.read(files, threads, done -> most.accumulateAndGet(done, Math::max));
    assertEquals((1 << 23) + 12, most.get());
    assertEquals((1 << 23) + 12, ReadAhead.bytes(files));
  }
}
