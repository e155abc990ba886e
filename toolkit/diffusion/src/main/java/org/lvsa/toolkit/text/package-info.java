// SPDX-License-Identifier: Apache-2.0
/** From a prompt to its embeddings: cleaning, tokens, and the text encoders of the T5 family. */
package org.lvsa.toolkit.text;
