// SPDX-License-Identifier: Apache-2.0
// A libcuda.so.1 and an NVRTC without a GPU, as far as TornadoVM's CUDA backend calls them. Device memory is host memory.
// A "compiled" kernel is its own source. A stream has done its work when a call returns, unless it is being captured: then
// its work becomes a graph, and what a capture forbids is an error, as it is on a card.
// EMULATOR_PRINT=DIRECTORY writes each source there and runs nothing; EMULATOR_IDLE=N runs nothing behind N launches, when
// self-checks have passed, so that what is left is the host's time; EMULATOR_COUNTS=1 counts what the host asked for, and
// says it when the process ends;
// EMULATOR_DEVICES is the number of cards, of which CUDA_VISIBLE_DEVICES shows as many as it lists.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "stream.h"

void *makeModule(const char *source);
void *makeFunction(void *module);
void launch(void *function, const unsigned *grid, const unsigned *block, void **parameters);
std::vector<std::vector<char>> kept(void *function, void **parameters);

namespace {
typedef void *Handle;
typedef unsigned long long Address;

const char *printTo() { return getenv("EMULATOR_PRINT"); }

// ---- streams, and what a capture makes of them

const int IN_CAPTURE = 900, CAPTURED = 907;  // CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, CUDA_ERROR_CAPTURED_EVENT
typedef std::vector<std::function<void()>> Work;
struct Stream { bool capturing = false; Work recorded; };
struct Event { double at = 0; bool captured = false; };
Stream firstStream;
std::set<Stream *> capturing;

Stream &stream(Handle handle) { return handle ? *(Stream *) handle : firstStream; }

struct Counts { long launches, calls, toDevice, toHost, waits, graphs, inGraphs; } counts;

bool runsNothing() {
  static const char *idle = getenv("EMULATOR_IDLE");
  return printTo() || (idle && counts.launches > atol(idle));
}

struct CountsAtTheEnd {
  ~CountsAtTheEnd() {
    if (!getenv("EMULATOR_COUNTS")) return;
    fprintf(stderr, "emulator: %ld launches of kernels, %ld calls of libraries, %ld copies to the device, %ld from it, "
        "%ld waits of the host, %ld graphs launched with %ld tasks\n", counts.launches, counts.calls, counts.toDevice,
        counts.toHost, counts.waits, counts.graphs, counts.inGraphs);
  }
} countsAtTheEnd;

/** Does a piece of work, or notes it down where the stream is being captured. */
int put(Handle handle, std::function<void()> work) {
  Stream &its = stream(handle);
  if (its.capturing) {
    its.recorded.push_back(std::move(work));
  } else {
    work();
  }
  return 0;
}

/** For what may not happen while any stream is captured, in the mode that TornadoVM asks for. */
int outsideCaptures(const char *call) {
  if (capturing.empty()) return 0;
  fprintf(stderr, "emulator: %s while a stream is captured\n", call);
  return IN_CAPTURE;
}

int waitFor(const char *call) {
  counts.waits++;
  return outsideCaptures(call);
}

int cards() {
  const char *visible = getenv("CUDA_VISIBLE_DEVICES");
  const char *there = getenv("EMULATOR_DEVICES");
  int count = there ? atoi(there) : 1;
  if (!visible) return count;
  int listed = *visible ? 1 : 0;
  for (const char *c = visible; *c; c++) listed += *c == ',';
  return std::min(listed, count);
}

double now() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

size_t rounded(size_t bytes, size_t to) { return bytes == 0 ? to : (bytes + to - 1) / to * to; }

std::string kernelName(const std::string &source) {
  size_t name = source.find_first_not_of(' ', source.find("__global__ void") + strlen("__global__ void"));
  return source.substr(name, source.find('(', name) - name);
}

// Whether CUDA has a mathematical function of that name. NVRTC then refuses the kernel, since TornadoVM gives it C linkage.
bool isCudas(const std::string &name) {
  const char *toolkit = getenv("CUDA_PATH");
  std::ifstream header(std::string(toolkit ? toolkit : "/usr/local/cuda") + "/include/crt/math_functions.h");
  for (std::string line; std::getline(header, line);) {
    if (line.find("__device_builtin__") != std::string::npos && line.find(" " + name + "(") != std::string::npos) return true;
  }
  return false;
}

void print(const std::string &source) {
  std::string file = std::string(printTo()) + "/" + kernelName(source) + ".cu";
  FILE *out = fopen(file.c_str(), "w");
  if (!out) { perror(file.c_str()); exit(1); }
  fwrite(source.data(), 1, source.size(), out);
  fclose(out);
}
}

extern "C" {
int cuInit(unsigned) { return 0; }
int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
int cuDeviceGetCount(int *count) { *count = cards(); return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = ordinal; return 0; }
int cuDeviceGetName(char *name, int length, int) { snprintf(name, length, "emulated H100"); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int) { *bytes = (size_t) 80 << 30; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int) {
  switch (attribute) {
    case 1: case 2: case 3: *value = 1024; break;  // threads of a block, and along x and y
    case 4: *value = 64; break;                    // along z
    case 5: *value = 2147483647; break;            // blocks along x
    case 6: case 7: *value = 65535; break;
    case 8: *value = 49152; break;                 // shared memory of a block
    case 9: *value = 65536; break;                 // constant memory
    case 10: *value = 32; break;                   // threads of a warp
    case 16: *value = 132; break;                  // multiprocessors
    case 75: *value = 9; break;                    // compute capability 9.0
    case 76: *value = 0; break;
    default: *value = 1;
  }
  return 0;
}
int cuCtxCreate_v4(Handle *context, void *, unsigned, int device) { *context = (Handle) (size_t) (device + 1); return 0; }
int cuCtxDestroy_v2(Handle) { return 0; }
int cuCtxSetCurrent(Handle) { return 0; }
int cuCtxSynchronize() { return waitFor("cuCtxSynchronize"); }
int cuEventCreate(Handle *event, unsigned) { *event = new Event(); return 0; }
int cuEventDestroy_v2(Handle event) { delete (Event *) event; return 0; }
int cuEventRecord(Handle event, Handle on) {
  *(Event *) event = {now(), stream(on).capturing};
  return 0;
}
int cuEventElapsedTime_v2(float *millis, Handle start, Handle end) {
  if (((Event *) start)->captured || ((Event *) end)->captured) return CAPTURED;
  *millis = (float) (((Event *) end)->at - ((Event *) start)->at) + 0.001f;  // TornadoVM's profiler wants more than 0
  return 0;
}
int cuEventQuery(Handle event) { return ((Event *) event)->captured ? CAPTURED : 0; }
int cuEventSynchronize(Handle event) {
  counts.waits++;
  return ((Event *) event)->captured ? CAPTURED : 0;
}
int cuGetErrorName(int, const char **name) { *name = "error"; return 0; }
int cuGetErrorString(int, const char **text) { *text = "the emulator cannot do this"; return 0; }
int cuGraphDestroy(Handle graph) { delete (Work *) graph; return 0; }
int cuGraphExecDestroy(Handle graph) { delete (Work *) graph; return 0; }
int cuGraphExecUpdate_v2(Handle, Handle, void *) { return 1; }
int cuGraphInstantiateWithFlags(Handle *made, Handle graph, unsigned long long) {
  *made = new Work(*(Work *) graph);
  return 0;
}
int cuGraphLaunch(Handle graph, Handle on) {
  const Work &work = *(Work *) graph;
  counts.graphs++;
  counts.inGraphs += work.size();
  for (const std::function<void()> &one : work) put(on, one);
  return 0;
}
int cuMemAllocHost_v2(void **memory, size_t bytes) { *memory = aligned_alloc(256, rounded(bytes, 256)); return 0; }
int cuMemFreeHost(void *memory) { free(memory); return 0; }
int cuMemAlloc_v2(Address *memory, size_t bytes) {
  if (int error = outsideCaptures("cuMemAlloc")) return error;
  void *made = aligned_alloc(4096, rounded(bytes, 4096));
  if (!printTo()) memset(made, 0xff, rounded(bytes, 4096));  // NaN as any kind of number
  *memory = (Address) made;
  return made ? 0 : 2;
}
int cuMemFree_v2(Address memory) {
  if (int error = outsideCaptures("cuMemFree")) return error;
  free((void *) memory);
  return 0;
}
int cuMemHostRegister_v2(void *, size_t, unsigned) { return outsideCaptures("cuMemHostRegister"); }
int cuMemHostUnregister(void *) { return outsideCaptures("cuMemHostUnregister"); }
int cuMemcpyDtoD_v2(Address to, Address from, size_t bytes) {
  if (int error = waitFor("cuMemcpyDtoD")) return error;
  memcpy((void *) to, (void *) from, bytes);
  return 0;
}
// A graph reads and writes the host's memory anew each time that it runs.
int cuMemcpyDtoHAsync_v2(void *to, Address from, size_t bytes, Handle on) {
  counts.toHost++;
  return put(on, [=] { memcpy(to, (void *) from, bytes); });
}
int cuMemcpyHtoDAsync_v2(Address to, const void *from, size_t bytes, Handle on) {
  counts.toDevice++;
  return put(on, [=] { memcpy((void *) to, from, bytes); });
}
int cuMemsetD8_v2(Address memory, unsigned char value, size_t bytes) {
  if (int error = outsideCaptures("cuMemsetD8")) return error;
  memset((void *) memory, value, bytes);
  return 0;
}
int cuOccupancyMaxPotentialBlockSize(int *grid, int *block, Handle, void *, size_t, int) {
  *grid = 132;
  *block = 256;
  return 0;
}
int cuStreamCreate(Handle *made, unsigned) { *made = new Stream(); return 0; }
int cuStreamDestroy_v2(Handle handle) { delete (Stream *) handle; return 0; }
int cuStreamSynchronize(Handle handle) {
  counts.waits++;
  return stream(handle).capturing ? outsideCaptures("cuStreamSynchronize") : 0;
}
int cuStreamWaitEvent(Handle handle, Handle event, unsigned) {
  // A captured stream may wait for what was captured with it alone.
  return stream(handle).capturing != ((Event *) event)->captured ? CAPTURED : 0;
}
int cuStreamBeginCapture_v2(Handle handle, int) {
  if (stream(handle).capturing) return 1;
  stream(handle).capturing = true;
  capturing.insert(&stream(handle));
  return 0;
}
int cuStreamEndCapture(Handle handle, Handle *graph) {
  if (!stream(handle).capturing) return 1;
  stream(handle).capturing = false;
  capturing.erase(&stream(handle));
  *graph = new Work(std::move(stream(handle).recorded));
  stream(handle).recorded.clear();
  return 0;
}
int cuStreamIsCapturing(Handle handle, int *status) { *status = stream(handle).capturing ? 1 : 0; return 0; }
int cuModuleLoadDataEx(Handle *module, const void *image, unsigned, int *, void **) {
  if (int error = outsideCaptures("cuModuleLoadDataEx")) return error;
  *module = printTo() ? malloc(1) : makeModule((const char *) image);
  return *module ? 0 : 1;
}
int cuModuleUnload(Handle) { return 0; }
int cuModuleGetFunction(Handle *function, Handle module, const char *) {
  *function = printTo() ? malloc(1) : makeFunction(module);
  return *function ? 0 : 1;
}
int cuLaunchKernel(Handle function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
    unsigned, Handle on, void **parameters, void **) {
  counts.launches++;
  if (printTo()) return 0;
  // The values of the parameters are those of now, whenever the kernel runs.
  return put(on, [=, values = kept(function, parameters)]() mutable {
    if (runsNothing()) return;
    unsigned grid[] = {gx, gy, gz};
    unsigned block[] = {bx, by, bz};
    std::vector<void *> places;
    for (std::vector<char> &value : values) places.push_back(value.data());
    launch(function, grid, block, places.data());
  });
}

int callOfLibrary(void *on, std::function<void()> *work) {
  counts.calls++;
  return put(on, [work = *work] {
    if (!runsNothing()) work();
  });
}

int nvrtcVersion(int *major, int *minor) { *major = 13; *minor = 0; return 0; }
int nvrtcGetNumSupportedArchs(int *count) { *count = 1; return 0; }
int nvrtcGetSupportedArchs(int *archs) { archs[0] = 90; return 0; }
const char *nvrtcGetErrorString(int) { return "error"; }
int nvrtcCreateProgram(Handle *program, const char *source, const char *, int, const char *const *, const char *const *) {
  *program = new std::string(source);
  return 0;
}
int nvrtcDestroyProgram(Handle *program) { delete (std::string *) *program; return 0; }
int nvrtcCompileProgram(Handle program, int, const char *const *) {
  std::string name = kernelName(*(std::string *) program);
  if (isCudas(name)) {
    fprintf(stderr, "kernel %s: CUDA has a function of that name\n", name.c_str());
    return 6;
  }
  if (printTo()) print(*(std::string *) program);
  return 0;
}
int nvrtcGetProgramLogSize(Handle, size_t *size) { *size = 1; return 0; }
int nvrtcGetProgramLog(Handle, char *log) { *log = 0; return 0; }
int nvrtcGetCUBINSize(Handle program, size_t *size) { *size = ((std::string *) program)->size() + 1; return 0; }
int nvrtcGetCUBIN(Handle program, char *image) { strcpy(image, ((std::string *) program)->c_str()); return 0; }
int nvrtcGetPTXSize(Handle, size_t *) { return 1; }
int nvrtcGetPTX(Handle, char *) { return 1; }
}
