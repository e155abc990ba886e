// SPDX-License-Identifier: Apache-2.0
/**
 * The worked example of docs/adding-a-model.md: an adapter as somebody else would write it, with
 * nothing but the public types of {@code org.lvsa.toolkit}.
 */
package org.lvsa.toolkit.adapter.example;
