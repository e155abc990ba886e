// SPDX-License-Identifier: Apache-2.0
/** From a prompt to its embeddings: cleaning, tokens, and the UMT5 text encoder. */
package org.lvsa.toolkit.text;
