// SPDX-License-Identifier: Apache-2.0
/** Whole models on a device of TornadoVM, which must give what the CPU gives. */
package org.lvsa.toolkit.device;
