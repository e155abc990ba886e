// SPDX-License-Identifier: Apache-2.0
// What the stand-in for TornadoVM's libraries needs of the one for the driver.
#pragma once
#include <functional>

/** A call of a library on a stream: runs at once, or becomes part of the graph that the stream is captured into. */
extern "C" int callOfLibrary(void *stream, std::function<void()> *work);
