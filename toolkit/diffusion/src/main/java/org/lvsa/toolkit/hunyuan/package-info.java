// SPDX-License-Identifier: Apache-2.0
/**
 * HunyuanVideo 1.5: what its two text encoders are told, its transformer, in which video and text
 * attend together, and its pipeline.
 */
package org.lvsa.toolkit.hunyuan;
