// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The encoder's tokens, split into text and image.
 *
 * @param text {@code [tokens, width]}
 * @param image tokens of the image that an image-to-video model starts from, {@code [tokens,
 *     width]}; empty for other models
 */
public record EncoderTokens(INDArray text, Optional<INDArray> image) {}
