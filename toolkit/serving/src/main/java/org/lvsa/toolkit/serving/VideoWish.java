// SPDX-License-Identifier: Apache-2.0
package org.lvsa.toolkit.serving;

import java.util.List;
import org.lvsa.toolkit.jobs.VideoRequest;

/**
 * A request that can be queued.
 *
 * @param request what is made
 * @param notes what of the client's request was changed or ignored, in words
 */
record VideoWish(VideoRequest request, List<String> notes) {}
