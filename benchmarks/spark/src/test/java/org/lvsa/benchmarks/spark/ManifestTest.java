// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.lvsa.toolkit.cli.Lvsa;
import picocli.CommandLine;

/** The manifest of docs/cluster.md, read as Kubernetes and Spark would, without either. */
class ManifestTest {
  private static final Path MANIFEST = Path.of("../../docs/examples/spark-on-kubernetes.yaml");

  @Test
  void theJobRunsASweepThatTheToolkitUnderstands() throws IOException {
    List<JsonNode> documents;
    try (MappingIterator<JsonNode> all =
        new YAMLMapper().readerFor(JsonNode.class).readValues(MANIFEST.toFile())) {
      documents = all.readAll();
    }
    assertEquals(
        List.of("ServiceAccount", "RoleBinding", "Job"),
        documents.stream().map(document -> document.path("kind").asText()).toList());
    JsonNode pod = documents.getLast().path("spec").path("template").path("spec");
    String account = documents.getFirst().path("metadata").path("name").asText();
    assertEquals(account, pod.path("serviceAccountName").asText());
    assertEquals(account, documents.get(1).path("subjects").get(0).path("name").asText());
    JsonNode driver = pod.path("containers").get(0);
    assertEquals(
        pod.path("volumes").get(0).path("name").asText(),
        driver.path("volumeMounts").get(0).path("name").asText());

    Map<String, String> conf = new TreeMap<>();
    String master = "";
    List<String> sweep = List.of();
    List<String> args = driver.path("args").valueStream().map(JsonNode::asText).toList();
    for (int i = 0; i < args.size(); i++) {
      String arg = args.get(i);
      if (arg.startsWith("--conf=")) {
        String[] pair = arg.substring(7).split("=", 2);
        conf.put(pair[0], pair[1]);
      } else if (arg.startsWith("--master=")) {
        master = arg.substring(9);
      } else if (arg.startsWith("--class=")) {
        assertEquals(SparkSweep.class.getName(), arg.substring(8));
      } else if (arg.endsWith(".jar")) {
        sweep = args.subList(i + 1, args.size());
        break;
      }
    }
    assertEquals("16", SparkSettings.of(master, conf, null).get("spark.task.cpus"));
    assertTrue(sweep.contains("--output=/results/sweep"), sweep.toString());
    List<String> line = new ArrayList<>(List.of("sweep"));
    line.addAll(sweep);
    new CommandLine(new Lvsa())
        .setCaseInsensitiveEnumValuesAllowed(true)
        .parseArgs(line.toArray(String[]::new));
  }
}
