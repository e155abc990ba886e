// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.jobs;

import com.fasterxml.jackson.annotation.JsonProperty;

/** Where a job stands; the names are those of the public API. */
public enum JobStatus {
  /** It waits for its turn. */
  @JsonProperty("queued")
  QUEUED("queued"),
  /** It is being made. */
  @JsonProperty("in_progress")
  IN_PROGRESS("in_progress"),
  /** Its file can be fetched. */
  @JsonProperty("completed")
  COMPLETED("completed"),
  /** It has an error in place of a file. */
  @JsonProperty("failed")
  FAILED("failed");

  private final String text;

  JobStatus(String text) {
    this.text = text;
  }

  /** Whether nothing more will happen to the job. */
  public boolean isFinal() {
    return this == COMPLETED || this == FAILED;
  }

  /** As the API writes it. */
  @Override
  public String toString() {
    return text;
  }
}
