// SPDX-License-Identifier: Apache-2.0
package org.lvsa.kernels.tornado;

import java.lang.System.Logger.Level;
import java.lang.reflect.Field;
import java.lang.reflect.InaccessibleObjectException;
import java.lang.reflect.Method;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import uk.ac.manchester.tornado.api.ImmutableTaskGraph;
import uk.ac.manchester.tornado.api.TaskGraph;
import uk.ac.manchester.tornado.api.TornadoTaskGraphInterface;
import uk.ac.manchester.tornado.api.common.TornadoDevice;
import uk.ac.manchester.tornado.api.memory.DeviceBufferState;
import uk.ac.manchester.tornado.api.memory.ObjectState;
import uk.ac.manchester.tornado.api.memory.XPUBuffer;

/**
 * What the graphs of a plan hold on the device. TornadoVM 5.2.0 frees less than that: {@code
 * freeDeviceMemory} acts on the graph that was selected last alone. For all graphs together it
 * leaves out what only tasks use, and fails on an array that one graph hands on to another, since
 * each of them frees it. So each buffer is freed here, once, however many graphs know it. Which
 * ones there are, the API does not tell: three private members of TornadoVM are read.
 */
final class PlanMemory {
  private static final System.Logger LOG = System.getLogger("org.lvsa");

  /** Whether it was said that this TornadoVM has other members. */
  private static final AtomicBoolean SAID = new AtomicBoolean();

  private PlanMemory() {}

  /**
   * Frees the buffers of graphs that run no more. If this TornadoVM has not the members that are
   * read, nothing is freed, and a line of the log says so once.
   *
   * @return whether they are freed
   */
  static boolean free(List<ImmutableTaskGraph> graphs) {
    Set<XPUBuffer> freed = Collections.newSetFromMap(new IdentityHashMap<>());
    try {
      for (ImmutableTaskGraph graph : graphs) {
        TornadoTaskGraphInterface tasks = tasks(graph);
        TornadoDevice device = tasks.getDevice();
        for (Object known : (List<?>) call(get(tasks, "executionContext"), "getObjectStates")) {
          ObjectState state = (ObjectState) call(known, "getDataObjectState");
          free(state.getDeviceBufferState(device), freed);
        }
      }
      return true;
    } catch (ReflectiveOperationException | InaccessibleObjectException e) {
      if (SAID.compareAndSet(false, true)) {
        LOG.log(
            Level.WARNING,
            "this TornadoVM keeps device memory of closed plans until the process ends: " + e);
      }
      return false;
    }
  }

  private static void free(DeviceBufferState state, Set<XPUBuffer> freed) {
    if (!state.hasObjectBuffer()) {
      return;
    }
    XPUBuffer buffer = state.getXPUBuffer();
    // One that the device had no room for has no address.
    if (freed.add(buffer) && buffer.toBuffer() > 0) {
      buffer.markAsFreeBuffer();
      buffer.deallocate();
    }
    state.setContents(false);
    state.setXPUBuffer(null);
  }

  private static TornadoTaskGraphInterface tasks(ImmutableTaskGraph graph)
      throws ReflectiveOperationException {
    return (TornadoTaskGraphInterface)
        field(TaskGraph.class, "taskGraphImpl").get(get(graph, "taskGraph"));
  }

  private static Object get(Object from, String name) throws ReflectiveOperationException {
    return field(from.getClass(), name).get(from);
  }

  private static Field field(Class<?> of, String name) throws ReflectiveOperationException {
    Field field = of.getDeclaredField(name);
    field.setAccessible(true);
    return field;
  }

  private static Object call(Object of, String name) throws ReflectiveOperationException {
    Method method = of.getClass().getMethod(name);
    return method.invoke(of);
  }
}
