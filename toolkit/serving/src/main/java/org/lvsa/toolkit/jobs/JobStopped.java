// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.jobs;

/** Ends a generation between two steps; says why. */
public final class JobStopped extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final transient JobError error;

  /** With the error that the job has then. */
  public JobStopped(JobError error) {
    super(error.message());
    this.error = error;
  }

  /** Why. */
  public JobError error() {
    return error;
  }
}
