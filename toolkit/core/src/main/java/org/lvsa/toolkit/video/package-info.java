// SPDX-License-Identifier: Apache-2.0
/** Videos as files, and how far two videos are from each other. */
package org.lvsa.toolkit.video;
