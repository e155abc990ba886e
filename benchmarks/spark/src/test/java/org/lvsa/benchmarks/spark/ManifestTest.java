// SPDX-License-Identifier: Apache-2.0
package org.lvsa.benchmarks.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MappingIterator;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException;
import com.fasterxml.jackson.databind.introspect.Annotated;
import com.fasterxml.jackson.databind.introspect.JacksonAnnotationIntrospector;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.Quantity;
import io.fabric8.kubernetes.api.model.ServiceAccount;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.rbac.RoleBinding;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.SecurityManager;
import org.apache.spark.SparkConf;
import org.apache.spark.deploy.k8s.KubernetesExecutorConf;
import org.apache.spark.deploy.k8s.SparkPod;
import org.apache.spark.resource.ResourceProfile$;
import org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBuilder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.cli.Lvsa;
import picocli.CommandLine;
import scala.Option;

/**
 * The manifest of docs/cluster.md without a cluster: read with Kubernetes' types, which know every
 * field that there is, its command line read by the toolkit, and the executors' pods made by Spark.
 */
class ManifestTest {
  private static final Path MANIFEST = Path.of("../../docs/examples/spark-on-kubernetes.yaml");

  /** Kubernetes' types keep fields that they do not know; here such a field is an error. */
  private static final ObjectMapper STRICT =
      new ObjectMapper()
          .setAnnotationIntrospector(
              new JacksonAnnotationIntrospector() {
                private static final long serialVersionUID = 1L;

                @Override
                public Boolean hasAnySetter(Annotated member) {
                  return false;
                }
              });

  private static List<JsonNode> documents() throws IOException {
    try (MappingIterator<JsonNode> all =
        new YAMLMapper().readerFor(JsonNode.class).readValues(MANIFEST.toFile())) {
      return all.readAll();
    }
  }

  private static Job job() throws IOException {
    return STRICT.treeToValue(documents().getLast(), Job.class);
  }

  private static PodSpec driversPod() throws IOException {
    return job().getSpec().getTemplate().getSpec();
  }

  /** What spark-submit gets. */
  private record Submission(String master, Map<String, String> conf, List<String> sweep) {
    static Submission of(List<String> args) {
      Map<String, String> conf = new TreeMap<>();
      String master = "";
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
          return new Submission(master, conf, args.subList(i + 1, args.size()));
        }
      }
      throw new AssertionError("no jar among " + args);
    }
  }

  private static Submission submission() throws IOException {
    return Submission.of(driversPod().getContainers().getFirst().getArgs());
  }

  @Test
  void kubernetesKnowsEveryField() throws IOException {
    List<JsonNode> documents = documents();
    assertEquals(3, documents.size());
    ServiceAccount account = STRICT.treeToValue(documents.get(0), ServiceAccount.class);
    RoleBinding binding = STRICT.treeToValue(documents.get(1), RoleBinding.class);
    String name = account.getMetadata().getName();
    PodSpec pod = driversPod();
    assertEquals(name, pod.getServiceAccountName());
    assertEquals(name, binding.getSubjects().getFirst().getName());
    assertEquals(
        pod.getVolumes().getFirst().getName(),
        pod.getContainers().getFirst().getVolumeMounts().getFirst().getName());
    // A field with a typing error is seen.
    JsonNode wrong =
        new ObjectMapper().readTree("{\"kind\": \"Job\", \"spec\": {\"backofLimit\": 3}}");
    assertInstanceOf(
        UnrecognizedPropertyException.class,
        assertThrows(IOException.class, () -> STRICT.treeToValue(wrong, Job.class)));
  }

  @Test
  void theToolkitUnderstandsTheCommandLine() throws IOException {
    Submission submission = submission();
    assertTrue(submission.sweep().contains("--output=/results/sweep"), submission.toString());
    List<String> line = new ArrayList<>(List.of("sweep"));
    line.addAll(submission.sweep());
    new CommandLine(new Lvsa())
        .setCaseInsensitiveEnumValuesAllowed(true)
        .parseArgs(line.toArray(String[]::new));
  }

  @Test
  void aDriverThatIsStartedAgainGoesOn(@TempDir Path results)
      throws IOException, InterruptedException {
    List<String> command = driversPod().getContainers().getFirst().getCommand();
    String script =
        command.get(2).replace("/results", results.toString()).replaceAll("/opt/\\S+", "echo");
    assertEquals("submit it", said(script, command.getLast()));
    Files.createDirectories(results.resolve("sweep"));
    Files.writeString(results.resolve("sweep/settings.json"), "{}");
    assertEquals("submit it --resume", said(script, command.getLast()));
  }

  private static String said(String script, String name) throws IOException, InterruptedException {
    Process shell =
        new ProcessBuilder("/bin/sh", "-c", script, name, "submit", "it")
            .redirectErrorStream(true)
            .start();
    String said = new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    shell.waitFor();
    return said.strip();
  }

  @Test
  void sparkMakesPodsOfTheAskedSize() throws IOException {
    Submission submission = submission();
    SparkConf conf = SparkSettings.of(submission.master(), submission.conf(), null);
    assertEquals("16", conf.get("spark.task.cpus"));
    SparkPod pod = executorsPod(conf);
    Container executor = pod.container();
    assertEquals("registry.example.org/lvsa-spark:latest", executor.getImage());
    assertEquals(new Quantity("16"), executor.getResources().getRequests().get("cpu"));
    Map<String, String> environment = new TreeMap<>();
    executor.getEnv().forEach(one -> environment.put(one.getName(), one.getValue()));
    assertEquals("16", environment.get("SPARK_EXECUTOR_CORES"));
    assertTrue(
        environment.containsValue("-XX:ActiveProcessorCount=16"),
        "the JVM's options reach the executor: " + environment);
    // A pod of Spark has no field that Kubernetes lacks either.
    STRICT.treeToValue(STRICT.valueToTree(pod.pod()), Pod.class);
  }

  @Test
  void aPodAsksForTheCardThatItsTaskNeeds() throws IOException {
    Map<String, String> asked = new TreeMap<>(submission().conf());
    asked.put("spark.executor.resource.gpu.amount", "1");
    asked.put("spark.executor.resource.gpu.vendor", "nvidia.com");
    asked.put("spark.task.resource.gpu.amount", "1");
    SparkPod pod = executorsPod(SparkSettings.of(submission().master(), asked, null));
    assertEquals(
        new Quantity("1"), pod.container().getResources().getLimits().get("nvidia.com/gpu"));
  }

  /** An executor's pod as Spark would ask Kubernetes for it; nothing is sent anywhere. */
  private static SparkPod executorsPod(SparkConf conf) {
    conf.set("spark.driver.host", "127.0.0.1").set("spark.driver.port", "1");
    Config nowhere = new ConfigBuilder(Config.empty()).withMasterUrl("http://127.0.0.1:1").build();
    try (KubernetesClient client = new KubernetesClientBuilder().withConfig(nowhere).build()) {
      return new KubernetesExecutorBuilder()
          .buildFromFeatures(
              new KubernetesExecutorConf(conf, "spark-test", "1", Option.empty(), 0),
              new SecurityManager(conf, Option.empty(), null),
              client,
              ResourceProfile$.MODULE$.getOrCreateDefaultProfile(conf))
          .pod();
    }
  }
}
