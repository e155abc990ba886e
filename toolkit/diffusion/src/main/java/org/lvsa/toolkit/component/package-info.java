// SPDX-License-Identifier: Apache-2.0
/**
 * The components of a published model folder: each has a folder of its own with a JSON file that
 * names its class and its settings.
 */
package org.lvsa.toolkit.component;
