// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.jobs;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What a picture is to the video that it comes with. */
public enum PictureRole {
  /** The video begins with it. */
  @JsonProperty("first")
  FIRST,
  /** The video ends with it. */
  @JsonProperty("last")
  LAST
}
