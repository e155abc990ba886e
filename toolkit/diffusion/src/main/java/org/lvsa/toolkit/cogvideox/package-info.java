// SPDX-License-Identifier: Apache-2.0
/**
 * CogVideoX (Yang et al., "CogVideoX: Text-to-Video Diffusion Models with An Expert Transformer",
 * 2024), the models 2B, 5B and 1.5: a transformer whose text attends together with the video, and
 * the pipeline around it. {@link org.lvsa.toolkit.cogvideox.CogVideoXPipelineType} is where the
 * toolkit finds it.
 */
package org.lvsa.toolkit.cogvideox;
