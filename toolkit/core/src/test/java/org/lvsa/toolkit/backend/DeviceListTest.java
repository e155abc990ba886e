// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.lvsa.kernels.AttentionBackend;

/** Devices that workers take in turn, and how a process is shown one of them alone. */
class DeviceListTest {
  @Test
  void workersTakeThemInTurn() {
    DeviceList devices = DeviceList.parse("1:0, 0:12,1:3");
    assertEquals(List.of("1:0", "0:12", "1:3"), devices.ids());
    assertEquals("1:0,0:12,1:3", devices.toString());
    assertEquals("0:12", devices.of(1));
    assertEquals("1:0", devices.of(3));
    assertEquals("1:3", devices.of(5));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "0", "0:1,", ",0:1", "0:1;0:2", "a:0", "0:-1", "0:0:0"})
  void whatIsNoListIsRefused(String text) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> DeviceList.parse(text)).getMessage();
    assertEquals(
        "--devices must be DRIVER:INDEX joined by commas, such as 0:0,0:1, got ",
        message.substring(0, message.indexOf("got ") + 4));
  }

  @Test
  void aDeviceIsNamedOnce() {
    assertEquals(
        "--devices must name each device once, got 0:1,0:0,0:1",
        assertThrows(IllegalArgumentException.class, () -> DeviceList.parse("0:1,0:0,0:1"))
            .getMessage());
  }

  @Test
  void devicesLikeTheChosenOneComeAfterIt() {
    assertEquals(
        List.of("1:1", "1:0", "1:3"),
        DeviceList.alike(
                List.of(
                    device("0:0", "card", false),
                    device("1:0", "card", false),
                    device("1:1", "card", true),
                    device("1:2", "processor", false),
                    device("1:3", "card", false)))
            .ids());
  }

  private static AttentionBackend.Device device(String id, String name, boolean chosen) {
    return new AttentionBackend.Device(id, name, 1, List.of(), chosen, false);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "0:0 | | | CUDA_VISIBLE_DEVICES | 0",
        "1:3 | | | CUDA_VISIBLE_DEVICES | 3",
        "0:1 | 4,6 | | CUDA_VISIBLE_DEVICES | 6",
        "0:1 | GPU-1, MIG-2 | | CUDA_VISIBLE_DEVICES | MIG-2",
        "0:1 | | pthread basic | POCL_DEVICES | pthread",
        "0:0 | 5 | pthread basic | POCL_DEVICES | basic"
      })
  void aProcessSeesOneDevice(String id, String cuda, String pocl, String variable, String value) {
    Map<String, String> environment = new HashMap<>();
    if (cuda != null) {
      environment.put("CUDA_VISIBLE_DEVICES", cuda);
    }
    if (pocl != null) {
      environment.put("POCL_DEVICES", pocl);
    }
    assertEquals(Map.of(variable, value), DeviceList.onlyVisible(id, environment));
    assertEquals(id.charAt(0) + ":0", DeviceList.idAlone(id));
  }
}
