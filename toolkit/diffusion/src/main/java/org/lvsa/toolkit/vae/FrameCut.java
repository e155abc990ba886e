// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.vae;

/** How frames are cut for ranks that decode them together: tiles that overlap, or patches. */
public sealed interface FrameCut permits Tiling, RankPatches {}
