// SPDX-License-Identifier: Apache-2.0
// What the CUDA text of a kernel, translated to C++, sees of its device. The emulator puts this file in front of it.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

using std::abs; using std::exp; using std::fabs; using std::fma; using std::fmax; using std::fmin; using std::log;
using std::isnan; using std::max; using std::min; using std::sqrt; using std::floor; using std::cos; using std::sin; using std::tanh;

typedef _Float16 __half;
typedef _Float16 half;
struct alignas(4) __half2 { half x, y; };

struct Triple { unsigned x, y, z; };

/** A thread's view of its group, and the operations that need other threads. */
struct Device {
  Triple grid, block, blockIndex, thread;
  uintptr_t shared;  // where addresses of shared memory, which are 32-bit numbers, begin
  void (*barrier)();
  void (*loadMatrix)(const void *row, unsigned *registers, int matrices, bool transposed);
  void (*multiply)(float *sums, const unsigned *a, const unsigned *b, bool bf16);
  void (*multiplyInt8)(int *sums, const unsigned *a, const unsigned *b);
  float (*exchange)(float value, int mask);
  void (*copyLater)(void *to, const void *from);
  void (*commit)();
  void (*wait)();
};
extern "C" thread_local Device *device;

#define blockIdx (device->blockIndex)
#define threadIdx (device->thread)
#define blockDim (device->block)
#define gridDim (device->grid)
#define __global__
#define __syncthreads() device->barrier()

inline float __int_as_float(int bits) { float f; memcpy(&f, &bits, 4); return f; }
inline int __float_as_int(float f) { int bits; memcpy(&bits, &f, 4); return bits; }
inline unsigned short __half_as_ushort(half h) { unsigned short bits; memcpy(&bits, &h, 2); return bits; }
inline float rsqrt(float x) { return 1 / sqrt(x); }
inline unsigned __float_as_uint(float f) { unsigned bits; memcpy(&bits, &f, 4); return bits; }
inline float __half2float(half h) { return (float) h; }
inline half __float2half(float f) { return (half) f; }
inline float __low2float(__half2 h) { return (float) h.x; }
inline float __high2float(__half2 h) { return (float) h.y; }
inline __half2 __floats2half2_rn(float x, float y) { return {(half) x, (half) y}; }
#define __shfl_xor_sync(lanes, value, mask) device->exchange(value, mask)
inline half __ushort_as_half(unsigned short bits) { half h; memcpy(&h, &bits, 2); return h; }

const unsigned SHARED_BASE = 0x10000000u;
inline unsigned sharedAddress(const void *p) {
  if (!device->shared) device->shared = (uintptr_t) p;
  return (unsigned) ((uintptr_t) p - device->shared) + SHARED_BASE;
}
inline char *sharedPointer(unsigned address) {
  return (char *) (device->shared + (intptr_t) (int) (address - SHARED_BASE));
}
