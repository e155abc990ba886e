// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.jobs;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.lvsa.toolkit.io.Json;
import org.lvsa.toolkit.io.MalformedFileException;
import org.lvsa.toolkit.io.Messages;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteConfig.JournalMode;
import org.sqlite.SQLiteConfig.SynchronousMode;

/**
 * Jobs on disk: a SQLite file with one row per job, whose document is the job as JSON. A row that
 * was written stays after the process is killed, and after a power cut too: each change is synced.
 *
 * <p>Writing is done by a thread of its own, for which the caller waits: SQLite waits for the disk
 * where Java cannot tell.
 */
final class JobDatabase implements AutoCloseable {
  private static final int VERSION = 2;

  /** Format 1 knew one picture per job, and only whether it was there. */
  private static final String FROM_FORMAT_1 =
      "UPDATE jobs SET document = json_remove(json_set(document, '$.pictures',"
          + " json(iif(document ->> '$.hasImage', '[\"first\"]', '[]'))), '$.hasImage')";

  private final Connection connection;
  private final WorkThread thread = new WorkThread("jobs database");

  private JobDatabase(Connection connection) {
    this.connection = connection;
  }

  /**
   * Opens a file, which is made if it is not there.
   *
   * @throws MalformedFileException if it is not such a database
   */
  static JobDatabase open(Path file) {
    SQLiteConfig config = new SQLiteConfig();
    config.setJournalMode(JournalMode.WAL);
    config.setSynchronous(SynchronousMode.FULL);
    try {
      Connection connection = config.createConnection("jdbc:sqlite:" + file);
      try {
        return new JobDatabase(connection).prepared(file);
      } catch (SQLException | RuntimeException e) {
        connection.close();
        throw e;
      }
    } catch (SQLException e) {
      throw new MalformedFileException(
          file + ": not a database of jobs that can be read: " + Messages.oneLine(e.getMessage()),
          e);
    }
  }

  private JobDatabase prepared(Path file) throws SQLException {
    int version;
    try (Statement statement = connection.createStatement();
        ResultSet row = statement.executeQuery("PRAGMA user_version")) {
      version = row.getInt(1);
    }
    if (version > VERSION) {
      throw new MalformedFileException(
          file + ": written by a newer server (format " + version + ", known is " + VERSION + ")");
    }
    try (Statement statement = connection.createStatement()) {
      statement.executeUpdate(
          "CREATE TABLE IF NOT EXISTS jobs"
              + " (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, status TEXT NOT NULL,"
              + " document TEXT NOT NULL)");
      if (version == 1) {
        statement.executeUpdate(FROM_FORMAT_1);
      }
      statement.executeUpdate("PRAGMA user_version = " + VERSION);
    }
    return this;
  }

  /** Every job, by number. */
  List<Job> all() throws SQLException {
    List<Job> jobs = new ArrayList<>();
    try (Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery("SELECT id, document FROM jobs ORDER BY number")) {
      while (rows.next()) {
        String place = "job " + rows.getString(1);
        jobs.add(Json.convert(Json.parse(rows.getString(2), place), Job.class, place));
      }
    }
    return jobs;
  }

  /** Writes a job in the place of what there was of it. */
  void put(Job job) throws SQLException {
    thread.call(() -> write(job));
  }

  private int write(Job job) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement(
            "INSERT INTO jobs (number, id, status, document) VALUES (?, ?, ?, ?)"
                + " ON CONFLICT (number) DO UPDATE SET status = excluded.status,"
                + " document = excluded.document")) {
      statement.setLong(1, job.number());
      statement.setString(2, job.id());
      statement.setString(3, job.status().toString());
      statement.setString(4, Json.mapper().writeValueAsString(job));
      return statement.executeUpdate();
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a job cannot be written as JSON", e);
    }
  }

  /** Removes a job, if it is there. */
  void remove(long number) throws SQLException {
    thread.call(() -> delete(number));
  }

  private int delete(long number) throws SQLException {
    try (PreparedStatement statement =
        connection.prepareStatement("DELETE FROM jobs WHERE number = ?")) {
      statement.setLong(1, number);
      return statement.executeUpdate();
    }
  }

  /** Lets the file grow no further, as a full disk does: for tests. */
  void growNoMore() throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.executeUpdate("PRAGMA max_page_count = 1");
    }
  }

  /** Lets the file grow again. */
  void growAgain() throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.executeUpdate("PRAGMA max_page_count = 4294967294");
    }
  }

  @Override
  public void close() throws SQLException {
    thread.close();
    connection.close();
  }
}
