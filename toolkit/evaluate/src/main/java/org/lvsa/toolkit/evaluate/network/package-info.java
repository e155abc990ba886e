// SPDX-License-Identifier: Apache-2.0
/**
 * What neural networks say of frames and prompts: from ONNX files that the user gives, or from a
 * file of results that were computed elsewhere. Nothing is downloaded.
 */
package org.lvsa.toolkit.evaluate.network;
