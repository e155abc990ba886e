// SPDX-License-Identifier: Apache-2.0
/**
 * What a pipeline does with a picture that it is given: read its file, bring it to a size as the
 * Python Imaging Library does, and encode it with CLIP's image encoder.
 */
package org.lvsa.toolkit.vision;
