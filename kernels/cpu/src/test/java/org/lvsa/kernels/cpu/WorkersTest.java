// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Set;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import org.junit.jupiter.api.Test;

class WorkersTest {

  @Test
  void everyNumberRunsOnceOnAThreadOfItsOwn() {
    try (Workers workers = new Workers(3)) {
      Set<Integer> numbers = ConcurrentHashMap.newKeySet();
      Set<Thread> threads = ConcurrentHashMap.newKeySet();
      CyclicBarrier together = new CyclicBarrier(3);
      workers.run(
          3,
          thread -> {
            numbers.add(thread);
            threads.add(Thread.currentThread());
            await(together);
          });
      assertEquals(Set.of(0, 1, 2), numbers);
      assertEquals(3, threads.size());
    }
  }

  @Test
  void whatAThreadThrowsIsThrownAsItIs() {
    try (Workers workers = new Workers(2)) {
      for (int thrower = 0; thrower < 2; thrower++) {
        int number = thrower;
        IllegalStateException thrown =
            assertThrows(
                IllegalStateException.class,
                () ->
                    workers.run(
                        2,
                        thread -> {
                          if (thread == number) {
                            throw new IllegalStateException("thread " + thread);
                          }
                        }));
        assertEquals("thread " + number, thrown.getMessage());
      }
    }
  }

  private static void await(CyclicBarrier barrier) {
    try {
      barrier.await();
    } catch (InterruptedException | BrokenBarrierException e) {
      throw new IllegalStateException(e);
    }
  }
}
