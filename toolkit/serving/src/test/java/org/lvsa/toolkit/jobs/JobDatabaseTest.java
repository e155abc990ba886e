// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.model.Resolution;

/** Jobs as rows of a file: what was written is read again, from older formats too. */
class JobDatabaseTest {
  @TempDir private Path folder;

  private static Job job(long number, Set<PictureRole> pictures) {
    VideoRequest request =
        new VideoRequest(
            "a cat",
            "",
            new Resolution(64, 48),
            5,
            16,
            new VideoRequest.Sampling(2, 5, null, null, null, 1),
            Map.of("LVSA_SPARSITY_SCALE", "0.5"),
            false,
            false);
    return new Job(
        Job.newId(),
        number,
        JobStatus.QUEUED,
        request,
        pictures,
        List.of("a note"),
        0,
        Job.Times.created(1),
        null,
        null,
        0);
  }

  private static List<Job> read(Path file) throws SQLException {
    try (JobDatabase database = JobDatabase.open(file)) {
      return database.all();
    }
  }

  @Test
  void whatIsWrittenIsReadAgain() throws SQLException {
    Path file = folder.resolve("jobs.db");
    List<Job> jobs = new ArrayList<>();
    try (JobDatabase database = JobDatabase.open(file)) {
      for (Set<PictureRole> pictures :
          List.of(Set.<PictureRole>of(), Set.of(PictureRole.LAST), Set.of(PictureRole.values()))) {
        jobs.add(job(jobs.size() + 1, pictures));
        database.put(jobs.getLast());
      }
      jobs.set(0, jobs.getFirst().started(7));
      database.put(jobs.getFirst());
      database.remove(2);
      jobs.remove(1);
      assertEquals(jobs, database.all());
    }
    assertEquals(jobs, read(file));
  }

  /** The first format had one truth in place of the pictures. */
  @Test
  void aFileOfTheFirstFormatIsRead() throws Exception {
    Path file = folder.resolve("jobs.db");
    List<Job> jobs = List.of(job(1, Set.of()), job(2, Set.of(PictureRole.FIRST)));
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        Statement statement = connection.createStatement()) {
      statement.executeUpdate(
          "CREATE TABLE jobs (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
              + " status TEXT NOT NULL, document TEXT NOT NULL)");
      statement.executeUpdate("PRAGMA user_version = 1");
      for (Job job : jobs) {
        ObjectNode document = Json.mapper().valueToTree(job);
        assertTrue(document.remove("pictures").isArray());
        document.put("hasImage", !job.pictures().isEmpty());
        try (PreparedStatement insert =
            connection.prepareStatement("INSERT INTO jobs VALUES (?, ?, 'queued', ?)")) {
          insert.setLong(1, job.number());
          insert.setString(2, job.id());
          insert.setString(3, document.toString());
          insert.executeUpdate();
        }
      }
    }
    assertEquals(jobs, read(file));
    assertEquals(jobs, read(file), "as it was written in the present format");
  }

  @Test
  void aFileOfALaterFormatIsRefused() throws SQLException {
    Path file = folder.resolve("jobs.db");
    assertEquals(List.of(), read(file));
    try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        Statement statement = connection.createStatement()) {
      statement.executeUpdate("PRAGMA user_version = 99");
    }
    String message =
        assertThrows(MalformedFileException.class, () -> JobDatabase.open(file)).getMessage();
    assertTrue(message.contains("format 99"), message);
    assertFalse(message.contains("\n"), message);
  }
}
