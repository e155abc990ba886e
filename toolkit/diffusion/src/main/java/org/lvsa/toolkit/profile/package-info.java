// SPDX-License-Identifier: Apache-2.0
/**
 * What a run spends its time on: events of the Java Flight Recorder for phases, denoising steps,
 * blocks, attention kernels and transfers, and their conversion to a Chrome trace, which Perfetto
 * opens. Where nothing records, an event costs a few nanoseconds.
 */
package org.lvsa.toolkit.profile;
