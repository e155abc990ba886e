// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.jobs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.lvsa.toolkit.model.Resolution;

/** Jobs as they are kept: how long, how many bytes, and what becomes of them on a full disk. */
class JobsTest {
  private static final Duration PATIENCE = Duration.ofSeconds(60);
  private static final Duration WEEK = Duration.ofDays(7);

  @TempDir private Path folder;
  private final AtomicLong now = new AtomicLong(1_000_000);

  private Jobs open(FakeMaker maker, Duration expiry, long quota) throws IOException {
    return Jobs.open(
        new Jobs.Settings(folder, expiry, quota, false),
        maker,
        new JobRunner.Limits(16, Duration.ZERO),
        JobListener.none(),
        now::get);
  }

  private static VideoRequest request(String prompt) {
    return new VideoRequest(
        prompt,
        "",
        new Resolution(64, 48),
        5,
        16,
        new VideoRequest.Sampling(2, 5, null, null, null, 1),
        Map.of(),
        false,
        false);
  }

  private static Job submit(Jobs jobs, String prompt) throws Exception {
    return jobs.submit(request(prompt), Map.of(), List.of());
  }

  private static Job ended(Jobs jobs, Job job) throws Exception {
    jobs.ticket(job.id()).orElseThrow().await(PATIENCE);
    return jobs.store().find(job.id()).orElseThrow();
  }

  @Test
  void whatExpiresIsRemovedWithItsFile() throws Exception {
    try (Jobs jobs = open(FakeMaker.quick(), WEEK, 0)) {
      Job old = ended(jobs, submit(jobs, "old"));
      assertEquals(1_000_000 + WEEK.toSeconds(), old.times().expires());
      now.addAndGet(10);
      Job young = ended(jobs, submit(jobs, "young"));
      jobs.store().clean(1_000_000 + WEEK.toSeconds() - 1);
      assertTrue(jobs.store().find(old.id()).isPresent(), "not yet");
      jobs.store().clean(1_000_000 + WEEK.toSeconds());
      assertTrue(jobs.store().find(old.id()).isEmpty());
      assertFalse(Files.exists(jobs.folder().video(old)));
      assertTrue(Files.exists(jobs.folder().video(young)));
    }
    try (Jobs again = open(FakeMaker.quick(), WEEK, 0)) {
      assertEquals(1, again.store().page(Optional.empty(), 100, true).jobs().size());
    }
  }

  @Test
  void whatAKilledServerWasMakingExpiresToo() throws Exception {
    Job running =
        new Job(
            Job.newId(),
            1,
            JobStatus.IN_PROGRESS,
            request("a cat"),
            Set.of(),
            List.of(),
            40,
            Job.Times.created(now.get()).started(now.get()),
            null,
            null,
            0);
    try (JobDatabase database = JobDatabase.open(folder.resolve("jobs.db"))) {
      database.put(running);
    }
    try (Jobs jobs = open(FakeMaker.quick(), WEEK, 0)) {
      Job failed = jobs.store().find(running.id()).orElseThrow();
      assertEquals(JobError.SERVER_STOPPED, failed.error().code());
      assertEquals(now.get() + WEEK.toSeconds(), failed.times().expires());
      jobs.store().clean(now.get() + WEEK.toSeconds());
      assertTrue(jobs.store().find(running.id()).isEmpty());
    }
  }

  @Test
  void withoutAnExpiryNothingIsRemoved() throws Exception {
    try (Jobs jobs = open(FakeMaker.quick(), Duration.ZERO, 0)) {
      Job job = ended(jobs, submit(jobs, "a cat"));
      assertEquals(null, job.times().expires());
      jobs.store().clean(Long.MAX_VALUE);
      assertTrue(jobs.store().find(job.id()).isPresent());
    }
  }

  @Test
  @Tag("full")
  @Timeout(120)
  void theJanitorComesByItself() throws Exception {
    try (Jobs jobs = open(FakeMaker.quick(), WEEK, 0)) {
      Job job = ended(jobs, submit(jobs, "a cat"));
      now.addAndGet(WEEK.toSeconds());
      while (jobs.store().find(job.id()).isPresent()) {
        TimeUnit.MILLISECONDS.sleep(20);
      }
      assertFalse(Files.exists(jobs.folder().video(job)));
    }
  }

  @Test
  void aVideoThatIsTooMuchFailsAndIsNotKept() throws Exception {
    int size = FakeMaker.content(request("first")).length();
    try (Jobs jobs = open(FakeMaker.quick(), WEEK, 2L * size - 1)) {
      Job first = ended(jobs, submit(jobs, "first"));
      assertEquals(JobStatus.COMPLETED, first.status());
      assertFalse(jobs.isFull());
      Job second = ended(jobs, submit(jobs, "again"));
      assertEquals(JobStatus.FAILED, second.status());
      assertEquals(JobError.QUOTA_EXCEEDED, second.error().code());
      assertFalse(Files.exists(jobs.folder().video(second)));
      assertEquals(size, jobs.store().bytes());
      // What is removed makes room.
      assertEquals(Jobs.Deletion.DONE, jobs.delete(first.id()));
      assertEquals(JobStatus.COMPLETED, ended(jobs, submit(jobs, "third")).status());
    }
  }

  @Test
  void aVideoThatTheDiskDoesNotTakeFailsAlone() throws Exception {
    FakeMaker maker = FakeMaker.quick();
    try (Jobs jobs = open(maker, WEEK, 0)) {
      maker.failure =
          new IOException(
              folder + "/videos/x.mp4: not written", new IOException("No space left on device"));
      Job failed = ended(jobs, submit(jobs, "a cat"));
      assertEquals(new JobError("storage_error", "No space left on device"), failed.error());
      maker.failure = null;
      assertEquals(JobStatus.COMPLETED, ended(jobs, submit(jobs, "another")).status());
    }
  }

  @Test
  void whatTheDatabaseCannotTakeNowIsWrittenLater() throws Exception {
    FakeMaker maker = FakeMaker.held();
    Job running;
    try (Jobs jobs = open(maker, WEEK, 0)) {
      running = submit(jobs, "a cat");
      // A long prompt does not go into what its pages have free.
      String longPrompt = "long ".repeat(5000);
      jobs.store().database().growNoMore();
      IOException full = assertThrows(IOException.class, () -> submit(jobs, longPrompt));
      assertTrue(full.getMessage().startsWith("the job cannot be kept"), full.getMessage());
      assertEquals(1, jobs.store().unfinished().size(), "nothing of it is left");
      maker.release();
      assertEquals(JobStatus.COMPLETED, ended(jobs, running).status());
      jobs.store().database().growAgain();
      assertEquals(JobStatus.COMPLETED, ended(jobs, submit(jobs, longPrompt)).status());
    }
    try (Jobs again = open(FakeMaker.quick(), WEEK, 0)) {
      assertEquals(JobStatus.COMPLETED, again.store().find(running.id()).orElseThrow().status());
      assertEquals(2, again.store().page(Optional.empty(), 100, true).jobs().size());
    }
  }
}
