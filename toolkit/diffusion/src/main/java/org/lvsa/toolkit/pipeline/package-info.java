// SPDX-License-Identifier: Apache-2.0
/**
 * From a prompt to a video with a published model: {@link org.lvsa.toolkit.pipeline.ModelFolder} is
 * the folder as it lies on disk, {@link org.lvsa.toolkit.pipeline.WanPipeline} loads it and makes
 * videos, and {@link org.lvsa.toolkit.pipeline.DenoisingLoop} is the loop between noise and a clean
 * sample. {@link org.lvsa.toolkit.pipeline.ResumeFile} keeps what an interrupted run needs to go
 * on.
 */
package org.lvsa.toolkit.pipeline;
