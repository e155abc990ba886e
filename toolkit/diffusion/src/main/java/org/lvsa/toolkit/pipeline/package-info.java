// SPDX-License-Identifier: Apache-2.0
/**
 * From a prompt to a video with a published model, whatever its family: {@link
 * org.lvsa.toolkit.pipeline.ModelFolder} is the folder as it lies on disk, {@link
 * org.lvsa.toolkit.pipeline.Pipelines} finds the {@link org.lvsa.toolkit.pipeline.PipelineType}
 * that its index names, and the {@link org.lvsa.toolkit.pipeline.VideoPipeline} that this opens
 * encodes, denoises and decodes. {@link org.lvsa.toolkit.pipeline.VideoRun} drives these parts.
 * {@link org.lvsa.toolkit.pipeline.DenoisingLoop} is the loop between noise and a clean sample, and
 * {@link org.lvsa.toolkit.pipeline.ResumeFile} keeps what an interrupted run needs to go on.
 *
 * <p>A model's family has a package of its own, such as {@code wan}, which depends on this one.
 */
package org.lvsa.toolkit.pipeline;
