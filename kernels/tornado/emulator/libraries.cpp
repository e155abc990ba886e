// SPDX-License-Identifier: Apache-2.0
// Stands in for TornadoVM's libtornado-cublas and libtornado-cudnn: the native methods behind its library tasks, as far
// as this project calls them, computed on the CPU. A method that is missing here is missing loudly, and what the real
// libraries refuse is refused. Sums are float32, in another order than theirs. A call belongs to the stream of its
// handle, or to the one that it names: where that is captured, the call runs later.
#include <dlfcn.h>
#include <jni.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

#include "stream.h"

#define CUBLAS(type, name) JNIEXPORT type JNICALL Java_uk_ac_manchester_tornado_cublas_provider_CuBlasNativeLib_##name
#define CUBLASLT(type, name) \
  JNIEXPORT type JNICALL Java_uk_ac_manchester_tornado_cublas_provider_CuBlasLtNativeLib_##name
#define CUDNN(type, name) JNIEXPORT type JNICALL Java_uk_ac_manchester_tornado_cudnn_provider_CuDnnNativeLib_##name

namespace {
const int INVALID = 7, NOT_SUPPORTED = 15;  // of cublasStatus_t
const int COMPUTE_32F = 68;
enum Type { F32 = 0, F16 = 2, BF16 = 14 };  // of cudaDataType_t
enum Epilogue { NONE = 1, BIAS = 4, GELU_BIAS = 36 };

float read(const void *from, int type, size_t i) {
  if (type == F32) return ((const float *) from)[i];
  if (type == F16) return (float) ((const _Float16 *) from)[i];
  uint32_t bits = (uint32_t) ((const uint16_t *) from)[i] << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

void write(void *to, int type, size_t i, float value) {
  if (type == F32) {
    ((float *) to)[i] = value;
  } else if (type == F16) {
    ((_Float16 *) to)[i] = (_Float16) value;
  } else {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    bits += value == value ? 0x7FFF + (bits >> 16 & 1) : 0;
    ((uint16_t *) to)[i] = bits >> 16;
  }
}

void parallel(size_t count, const std::function<void(size_t)> &one) {
  std::atomic<size_t> taken{0};
  auto work = [&] { for (size_t i; (i = taken++) < count;) one(i); };
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); i++) workers.emplace_back(work);
  for (std::thread &worker : workers) worker.join();
}

const int LANES = 16;  // sums side by side, so that the compiler computes them at once

float dot(const float *a, const float *b, int count) {
  float sums[LANES] = {};
  int i = 0;
  for (; i + LANES <= count; i += LANES)
    for (int lane = 0; lane < LANES; lane++) sums[lane] += a[i + lane] * b[i + lane];
  float sum = 0;
  for (; i < count; i++) sum += a[i] * b[i];
  for (float one : sums) sum += one;
  return sum;
}

/** What a library knows of a program: the stream that its calls go to. */
struct Library { void *stream; };

int setStream(jlong handle, jlong stream) {
  ((Library *) handle)->stream = (void *) stream;
  return 0;
}

/** Hands a call over to the driver, which was loaded before this library. */
int onStream(void *stream, std::function<void()> work) {
  static auto call = (int (*)(void *, std::function<void()> *)) dlsym(RTLD_DEFAULT, "callOfLibrary");
  return call(stream, &work);
}

/** A matrix by columns; if {@code transposed}, its rows are the operand's columns. */
struct Operand { const void *at; int type, leading; bool transposed; };

/** Vectors of {@code length} float32: the columns of a matrix, or its rows. */
std::vector<float> vectors(const Operand &from, bool columns, int count, int length) {
  std::vector<float> all((size_t) count * length);
  parallel(count, [&](size_t v) {
    for (int i = 0; i < length; i++) {
      size_t place = columns ? (size_t) v * from.leading + i : (size_t) i * from.leading + v;
      all[v * length + i] = read(from.at, from.type, place);
    }
  });
  return all;
}

struct Sizes { int m, n, k; };
struct Result { void *at; int type, leading; float alpha, beta; const void *bias; int epilogue; };

bool known(int type) { return type == F32 || type == F16 || type == BF16; }

float gelu(float x) { return 0.5f * x * (1 + std::tanh(0.7978845608f * (x + 0.044715f * x * x * x))); }

/** C = epilogue(alpha · op(A) · op(B) + beta · C), all by columns. */
void compute(Sizes s, const Operand &a, const Operand &b, const Result &c) {
  std::vector<float> left = vectors(a, a.transposed, s.m, s.k), right = vectors(b, !b.transposed, s.n, s.k);
  parallel(s.n, [&](size_t j) {
    for (int i = 0; i < s.m; i++) {
      size_t at = j * c.leading + i;
      float value = c.alpha * dot(&left[(size_t) i * s.k], &right[j * s.k], s.k);
      if (c.beta != 0) value += c.beta * read(c.at, c.type, at);
      if (c.epilogue != NONE) value += read(c.bias, c.type, i);
      if (c.epilogue == GELU_BIAS) value = gelu(value);
      write(c.at, c.type, at, value);
    }
  });
}

int product(void *stream, Sizes s, const Operand &a, const Operand &b, const Result &c) {
  if (!known(a.type) || !known(b.type) || !known(c.type) || a.type != b.type) return NOT_SUPPORTED;
  bool narrow = a.leading < (a.transposed ? s.k : s.m) || b.leading < (b.transposed ? s.n : s.k) || c.leading < s.m;
  if (s.m <= 0 || s.n <= 0 || s.k <= 0 || narrow) return INVALID;
  return onStream(stream, [=] { compute(s, a, b, c); });
}

struct Plan { Sizes sizes; int transa, transb, lda, ldb, ldc, atype, btype, ctype, epilogue; };
struct SdpaPlan { size_t batch, heads, queries, keys, headDim; float scale; };

void *allocated(size_t bytes) { return aligned_alloc(4096, (bytes + 4096) / 4096 * 4096); }

/** One head's attention of one sequence; tensors are {@code [tokens, headDim]} of fp16. */
void attend(const SdpaPlan &p, const _Float16 *query, const _Float16 *key, const _Float16 *value, _Float16 *out) {
  std::vector<float> weights(p.keys), sums(p.headDim);
  for (size_t i = 0; i < p.queries; i++) {
    float highest = -INFINITY, total = 0;
    for (size_t j = 0; j < p.keys; j++) {
      float score = 0;
      for (size_t d = 0; d < p.headDim; d++) score += (float) query[i * p.headDim + d] * (float) key[j * p.headDim + d];
      weights[j] = score * p.scale;
      highest = std::max(highest, weights[j]);
    }
    std::fill(sums.begin(), sums.end(), 0.f);
    for (size_t j = 0; j < p.keys; j++) {
      float weight = std::exp(weights[j] - highest);
      total += weight;
      for (size_t d = 0; d < p.headDim; d++) sums[d] += weight * (float) value[j * p.headDim + d];
    }
    for (size_t d = 0; d < p.headDim; d++) out[i * p.headDim + d] = (_Float16) (sums[d] / total);
  }
}
}

extern "C" {
CUBLAS(jlong, cublasCreate)(JNIEnv *, jclass) { return (jlong) new Library(); }
CUBLAS(jint, cublasSetStream)(JNIEnv *, jclass, jlong handle, jlong stream) { return setStream(handle, stream); }
CUBLAS(void, cublasDestroy)(JNIEnv *, jclass, jlong handle) { delete (Library *) handle; }
CUBLAS(jint, cublasSetMathMode)(JNIEnv *, jclass, jlong, jint) { return 0; }
CUBLAS(jint, cublasSetWorkspace)(JNIEnv *, jclass, jlong, jlong, jlong) { return 0; }
CUBLAS(jlong, allocateDeviceMemory)(JNIEnv *, jclass, jlong bytes) { return (jlong) allocated(bytes); }
CUBLAS(void, freeDeviceMemory)(JNIEnv *, jclass, jlong memory) { free((void *) memory); }
CUBLAS(jint, cublasGemmEx)(JNIEnv *, jclass, jlong handle, jint transa, jint transb, jint m, jint n, jint k, jfloat alpha,
    jlong a, jint atype, jint lda, jlong b, jint btype, jint ldb, jfloat beta, jlong c, jint ctype, jint ldc,
    jint compute, jint) {
  // cuBLAS writes a result of the inputs' type, or float32.
  if (compute != COMPUTE_32F || ctype != atype && ctype != F32) return NOT_SUPPORTED;
  return product(((Library *) handle)->stream, {m, n, k}, {(void *) a, atype, lda, transa != 0}, {(void *) b, btype, ldb, transb != 0},
      {(void *) c, ctype, ldc, alpha, beta, nullptr, NONE});
}

CUBLASLT(jlong, ltCreate)(JNIEnv *, jclass) { return 1; }
CUBLASLT(void, ltDestroy)(JNIEnv *, jclass, jlong) {}
CUBLASLT(jlong, ltCreatePlan)(JNIEnv *, jclass, jlong, jint transa, jint transb, jint m, jint n, jint k, jint lda,
    jint ldb, jint ldc, jint atype, jint btype, jint ctype, jint compute, jint scale, jint epilogue, jlong) {
  bool can = compute == COMPUTE_32F && scale == F32 && (epilogue == NONE || epilogue == BIAS || epilogue == GELU_BIAS);
  return can ? (jlong) new Plan{{m, n, k}, transa, transb, lda, ldb, ldc, atype, btype, ctype, epilogue} : 0;
}
CUBLASLT(void, ltDestroyPlan)(JNIEnv *, jclass, jlong plan) { delete (Plan *) plan; }
CUBLASLT(jint, ltExecutePlan)(JNIEnv *, jclass, jlong, jlong plan, jlong stream, jfloat alpha, jlong a, jlong b, jfloat beta,
    jlong c, jlong bias, jlong, jlong) {
  const Plan &p = *(Plan *) plan;
  return product((void *) stream, p.sizes, {(void *) a, p.atype, p.lda, p.transa != 0}, {(void *) b, p.btype, p.ldb, p.transb != 0},
      {(void *) c, p.ctype, p.ldc, alpha, beta, (void *) bias, p.epilogue});
}

CUDNN(jlong, cudnnCreateHandle)(JNIEnv *, jclass) { return (jlong) new Library(); }
CUDNN(jint, cudnnSetStream)(JNIEnv *, jclass, jlong handle, jlong stream) { return setStream(handle, stream); }
CUDNN(void, cudnnDestroyHandle)(JNIEnv *, jclass, jlong handle) { delete (Library *) handle; }
CUDNN(jlong, cudnnGetVersionNative)(JNIEnv *, jclass) { return 91000; }
CUDNN(jlong, allocateDeviceMemory)(JNIEnv *, jclass, jlong bytes) { return (jlong) allocated(bytes); }
CUDNN(void, freeDeviceMemory)(JNIEnv *, jclass, jlong memory) { free((void *) memory); }
CUDNN(jlong, createSdpaPlan)(JNIEnv *, jclass, jlong, jint b, jint h, jint queries, jint keys, jint headDim,
    jfloat scale, jboolean causal) {
  if (causal || headDim % 8 != 0 || headDim > 256) return 0;
  return (jlong) new SdpaPlan{(size_t) b, (size_t) h, (size_t) queries, (size_t) keys, (size_t) headDim, scale};
}
CUDNN(jlong, sdpaPlanWorkspaceBytes)(JNIEnv *, jclass, jlong) { return 0; }
CUDNN(jint, executeSdpaPlan)(JNIEnv *, jclass, jlong handle, jlong plan, jlong q, jlong k, jlong v, jlong o, jlong) {
  SdpaPlan p = *(SdpaPlan *) plan;
  return onStream(((Library *) handle)->stream, [=] {
    parallel(p.batch * p.heads, [&](size_t head) {
      size_t queries = head * p.queries * p.headDim, keys = head * p.keys * p.headDim;
      attend(p, (const _Float16 *) q + queries, (const _Float16 *) k + keys, (const _Float16 *) v + keys,
          (_Float16 *) o + queries);
    });
  });
}
CUDNN(void, destroySdpaPlan)(JNIEnv *, jclass, jlong plan) { delete (SdpaPlan *) plan; }
}
