// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.Map;
import java.util.concurrent.Callable;
import uk.ac.manchester.tornado.api.TornadoDeviceContext;

/** The device memory that TornadoVM has handed out, by its own lists of buffers. */
final class DeviceMemoryUse {
  private final Object provider;

  DeviceMemoryUse(TornadoTarget device) {
    TornadoDeviceContext context = device.device().getDeviceContext();
    provider = reflected(() -> context.getClass().getMethod("getBufferProvider").invoke(context));
  }

  private static <T> T reflected(Callable<T> reading) {
    try {
      return reading.call();
    } catch (Exception e) {
      throw new AssertionError("this TornadoVM has other members", e);
    }
  }

  /** Bytes of all buffers, those included that wait to be used again. */
  long bytes() {
    return bytes("usedBuffers") + bytes("freeBuffers");
  }

  private long bytes(String list) {
    return reflected(
        () -> {
          long sum = 0;
          for (Object buffers : ((Map<?, ?>) field(list).get(provider)).values()) {
            for (Object buffer : (Iterable<?>) buffers) {
              Method size = buffer.getClass().getDeclaredMethod("size");
              size.setAccessible(true);
              sum += (long) size.invoke(buffer);
            }
          }
          return sum;
        });
  }

  /** Bytes that TornadoVM would still hand out, as {@code tornado.device.memory} begins with. */
  long left() {
    return reflected(() -> field("currentMemoryAvailable").getLong(provider));
  }

  /** Has TornadoVM hand out that many bytes and no more. */
  void leave(long bytes) {
    reflected(
        () -> {
          field("currentMemoryAvailable").setLong(provider, bytes);
          return true;
        });
  }

  private Field field(String name) throws NoSuchFieldException {
    Field field = provider.getClass().getSuperclass().getDeclaredField(name);
    field.setAccessible(true);
    return field;
  }
}
