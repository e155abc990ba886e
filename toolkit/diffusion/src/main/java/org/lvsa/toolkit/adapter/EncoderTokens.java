// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.adapter;

import java.util.Optional;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The encoder's tokens, taken apart.
 *
 * @param text {@code [tokens, width]}
 * @param image of the image that an I2V model starts from; empty for others
 */
public record EncoderTokens(INDArray text, Optional<INDArray> image) {}
