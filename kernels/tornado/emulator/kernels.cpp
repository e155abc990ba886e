// SPDX-License-Identifier: Apache-2.0
// Runs the CUDA text of a kernel on the CPU. The text is translated to C++ line by line, compiled, and called once for
// each thread of each group. Every thread is a fiber with a stack of its own. Fibers change at the operations of a
// warp (ldmatrix, mma.sync, cp.async.commit_group), which all 32 lanes must reach, and at barriers of a group.
// What a commit does here it does not promise on a device: there the lanes of a warp run in step anyway.
#include <sys/mman.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <regex>
#include <sstream>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include "device.h"
#undef blockIdx
#undef threadIdx

extern "C" {
thread_local Device *device;
void changeStacks(void **from, void *to);
}
asm(R"(
.text
.globl changeStacks
changeStacks:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");

namespace {
typedef void (*Kernel)(void **parameters);
const size_t STACK = 128 << 10;
const int LANES = 32;

[[noreturn]] void fail(const char *why) {
  fprintf(stderr, "emulator: %s\n", why);
  abort();
}

// ---- fibers

struct Copy { void *to; const void *from; };

struct Fiber {
  void *stack;
  bool done, atBarrier;
  std::vector<Copy> copies;
};

/** What the lanes of a warp hand over to an operation, and get back. */
struct Warp {
  int arrived = 0, live = 0;
  unsigned long operations = 0;
  const void *rows[LANES];
  unsigned in[LANES][6], out[LANES][4];
  float sums[LANES][4];
  int wholeSums[LANES][4];
};

struct Group {
  std::vector<Fiber> fibers;
  std::vector<Warp> warps;
  Device device;
  Kernel kernel;
  void **parameters;
  void *mainStack;
  int current, live, waiting;
  unsigned long barriers;
};
thread_local Group *group;

int count() { return (int) group->fibers.size(); }
Warp &warp() { return group->warps[group->current / LANES]; }
int lane() { return group->current % LANES; }

void setThread(int thread) {
  Device &d = group->device;
  group->current = thread;
  d.thread = {thread % d.block.x, thread / d.block.x % d.block.y, thread / d.block.x / d.block.y};
}

bool canRun(int thread) { return !group->fibers[thread].done && !group->fibers[thread].atBarrier; }

/** The fiber to go on with: one of the same warp if possible; -1 if none can. */
int next() {
  int me = group->current, first = me / LANES * LANES;
  int lanes = std::min(LANES, count() - first);
  for (int i = 1; i < lanes; i++) {
    int thread = first + (me - first + i) % lanes;
    if (canRun(thread)) return thread;
  }
  for (int i = 1; i < count(); i++) {
    int thread = (me + i) % count();
    if (canRun(thread)) return thread;
  }
  return -1;
}

void yield() {
  int me = group->current, other = next();
  if (other < 0) {
    if (!canRun(me)) fail("no thread can go on: a barrier that some do not reach");
    return;
  }
  setThread(other);
  changeStacks(&group->fibers[me].stack, group->fibers[other].stack);
}

void openBarrier() {
  group->waiting = 0;
  group->barriers++;
  for (Fiber &fiber : group->fibers) fiber.atBarrier = false;
}

void barrier() {
  unsigned long before = group->barriers;
  group->fibers[group->current].atBarrier = true;
  if (++group->waiting == group->live) openBarrier();
  while (group->barriers == before) yield();
}

/** Waits for all lanes of the warp; the last one computes for all. */
template <class Operation> void together(Operation operation) {
  Warp &w = warp();
  if (w.live != LANES) fail("an operation of a warp that some lanes do not reach");
  unsigned long before = w.operations;
  if (++w.arrived == LANES) {
    w.arrived = 0;
    operation(w);
    w.operations++;
  }
  while (w.operations == before) yield();
}

void runFiber() {
  group->kernel(group->parameters);
  Fiber &me = group->fibers[group->current];
  me.done = true;
  group->live--;
  warp().live--;
  void *unused;
  if (group->live == 0) changeStacks(&unused, group->mainStack);
  if (group->waiting == group->live) openBarrier();
  int other = next();
  if (other < 0) fail("no thread can go on");
  setThread(other);
  changeStacks(&unused, group->fibers[other].stack);
}

void runGroup(Group &g, char *stacks, Triple index) {
  group = &g;
  device = &g.device;
  g.device.blockIndex = index;
  g.device.shared = 0;
  g.live = count();
  g.waiting = 0;
  for (Warp &w : g.warps) w.arrived = w.live = 0;
  for (int i = 0; i < count(); i++) {
    g.warps[i / LANES].live++;
    // The top of a new stack: registers to pop, where to return to, and a word that keeps it aligned.
    void **top = (void **) (stacks + (i + 1) * STACK);
    *--top = nullptr;
    *--top = (void *) runFiber;
    for (int registers = 0; registers < 6; registers++) *--top = nullptr;
    g.fibers[i].stack = top;
    g.fibers[i].done = g.fibers[i].atBarrier = false;
    g.fibers[i].copies.clear();
  }
  setThread(0);
  changeStacks(&g.mainStack, g.fibers[0].stack);
}

// ---- what a kernel calls

/** Lane l gets two neighbours of row l / 4 of each 8 x 8 matrix, or of column l / 4 of it. */
void loadMatrix(const void *row, unsigned *registers, int matrices, bool transposed) {
  warp().rows[lane()] = row;
  together([=](Warp &w) {
    for (int l = 0; l < LANES; l++) {
      for (int m = 0; m < matrices; m++) {
        auto at = [&](int r, int c) { return (unsigned) ((const unsigned short *) w.rows[8 * m + r])[c]; };
        int one = l / 4, pair = 2 * (l % 4);
        w.out[l][m] = transposed ? at(pair, one) | at(pair + 1, one) << 16 : at(one, pair) | at(one, pair + 1) << 16;
      }
    }
  });
  memcpy(registers, warp().out[lane()], matrices * sizeof(unsigned));
}

float number(unsigned word, int half, bool bf16) {
  unsigned short bits = word >> (16 * half);
  return bf16 ? __int_as_float(bits << 16) : (float) __ushort_as_half(bits);
}

/** m16n8k16: sums += A · B, the fragments as PTX lays them out. */
void multiply(float *sums, const unsigned *a, const unsigned *b, bool bf16) {
  Warp &mine = warp();
  memcpy(mine.in[lane()], a, 4 * sizeof(unsigned));
  memcpy(mine.in[lane()] + 4, b, 2 * sizeof(unsigned));
  memcpy(mine.sums[lane()], sums, sizeof mine.sums[0]);
  together([=](Warp &w) {
    float A[16][16], B[16][8], C[16][8] = {};
    for (int l = 0; l < LANES; l++) {
      for (int h = 0; h < 2; h++) {
        int row = l / 4, column = 2 * (l % 4) + h;
        A[row][column] = number(w.in[l][0], h, bf16);
        A[row + 8][column] = number(w.in[l][1], h, bf16);
        A[row][column + 8] = number(w.in[l][2], h, bf16);
        A[row + 8][column + 8] = number(w.in[l][3], h, bf16);
        B[column][row] = number(w.in[l][4], h, bf16);
        B[column + 8][row] = number(w.in[l][5], h, bf16);
      }
    }
    for (int i = 0; i < 16; i++)
      for (int k = 0; k < 16; k++)
        for (int j = 0; j < 8; j++) C[i][j] += A[i][k] * B[k][j];
    for (int l = 0; l < LANES; l++) {
      int row = l / 4, column = 2 * (l % 4);
      w.sums[l][0] += C[row][column];
      w.sums[l][1] += C[row][column + 1];
      w.sums[l][2] += C[row + 8][column];
      w.sums[l][3] += C[row + 8][column + 1];
    }
  });
  memcpy(sums, mine.sums[lane()], sizeof mine.sums[0]);
}

/** m16n8k32: sums += A · B, with four int8 in a word. */
void multiplyInt8(int *sums, const unsigned *a, const unsigned *b) {
  Warp &mine = warp();
  memcpy(mine.in[lane()], a, 4 * sizeof(unsigned));
  memcpy(mine.in[lane()] + 4, b, 2 * sizeof(unsigned));
  memcpy(mine.wholeSums[lane()], sums, sizeof mine.wholeSums[0]);
  together([=](Warp &w) {
    int A[16][32], B[32][8], C[16][8] = {};
    for (int l = 0; l < LANES; l++) {
      for (int i = 0; i < 4; i++) {
        auto number = [&](int word) { return (int) (signed char) (w.in[l][word] >> (8 * i)); };
        int row = l / 4, column = 4 * (l % 4) + i;
        A[row][column] = number(0);
        A[row + 8][column] = number(1);
        A[row][column + 16] = number(2);
        A[row + 8][column + 16] = number(3);
        B[column][row] = number(4);
        B[column + 16][row] = number(5);
      }
    }
    for (int i = 0; i < 16; i++)
      for (int k = 0; k < 32; k++)
        for (int j = 0; j < 8; j++) C[i][j] += A[i][k] * B[k][j];
    for (int l = 0; l < LANES; l++) {
      int row = l / 4, column = 2 * (l % 4);
      w.wholeSums[l][0] += C[row][column];
      w.wholeSums[l][1] += C[row][column + 1];
      w.wholeSums[l][2] += C[row + 8][column];
      w.wholeSums[l][3] += C[row + 8][column + 1];
    }
  });
  memcpy(sums, mine.wholeSums[lane()], sizeof mine.wholeSums[0]);
}

/** The value of the lane whose number differs in the bits of the mask. */
float exchange(float value, int mask) {
  Warp &mine = warp();
  mine.sums[lane()][0] = value;
  together([=](Warp &w) {
    for (int l = 0; l < LANES; l++) w.sums[l][1] = w.sums[l ^ mask][0];
  });
  return mine.sums[lane()][1];
}

void copyLater(void *to, const void *from) { group->fibers[group->current].copies.push_back({to, from}); }

void commit() { together([](Warp &) {}); }

void wait() {
  for (Copy &copy : group->fibers[group->current].copies) memcpy(copy.to, copy.from, 4);
  group->fibers[group->current].copies.clear();
}

// ---- from CUDA to C++

/** The names of the fragments in a statement: the outputs, and then the inputs, in order. */
std::vector<std::string> fragments(const std::string &line) {
  static const std::regex name(R"rx(\((\w+)\[0\]\))rx");
  std::vector<std::string> names;
  for (std::sregex_iterator i(line.begin(), line.end(), name), end; i != end; ++i) names.push_back((*i)[1]);
  return names;
}

std::string translatedAssembly(std::string line) {
  static const std::pair<std::regex, const char *> forms[] = {
    {std::regex(R"rx(asm volatile\("\{ \.reg \.u64 u; cvta\.to\.shared[^:]*: "=r"\((\w+)\) : "l"\((.*)\)\);)rx"),
        "$1 = sharedAddress($2);"},
    {std::regex(R"rx(asm volatile\("cp\.async\.ca\.shared\.global [^:]*:: "r"\((\w+)\), "l"\((.*)\)\);)rx"),
        "device->copyLater(sharedPointer($1), $2);"},
    {std::regex(R"rx(asm volatile\("cp\.async\.commit_group;"\);)rx"), "device->commit();"},
    {std::regex(R"rx(asm volatile\("cp\.async\.wait_group 0;"\);)rx"), "device->wait();"},
    {std::regex(R"rx(asm volatile\("ldmatrix\.sync\.aligned\.m8n8\.x4\.shared\.b16 [^:]*: "=r"\((\w+)\[0\].*: "r"\((\w+)\)\);)rx"),
        "device->loadMatrix(sharedPointer($2), (unsigned *) $1, 4, false);"},
    {std::regex(R"rx(asm volatile\("ldmatrix\.sync\.aligned\.m8n8\.x2\.trans\.shared\.b16 [^:]*: "=r"\((\w+)\[0\].*: "r"\((\w+)\)\);)rx"),
        "device->loadMatrix(sharedPointer($2), (unsigned *) $1, 2, true);"},
  };
  for (auto &[form, to] : forms) line = std::regex_replace(line, form, to);
  if (line.find("mma.sync.aligned.m16n8k16.row.col.f32.") != std::string::npos) {
    std::vector<std::string> names = fragments(line);
    std::string bf16 = line.find("f32.bf16") != std::string::npos ? "true" : "false";
    line = "memmove(" + names[0] + ", " + names.back() + ", 16); device->multiply(" + names[0] + ", (unsigned *) "
        + names[1] + ", (unsigned *) " + names[2] + ", " + bf16 + ");";
  }
  if (line.find("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32") != std::string::npos) {
    std::vector<std::string> names = fragments(line);
    line = "memmove(" + names[0] + ", " + names.back() + ", 16); device->multiplyInt8(" + names[0] + ", (unsigned *) "
        + names[1] + ", (unsigned *) " + names[2] + ");";
  }
  if (line.find("asm volatile") != std::string::npos) fail(("unknown: " + line).c_str());
  return line;
}

/** A call of the kernel with the parameters that a launch has, by their types in its signature, and their sizes. */
std::string entry(const std::string &signature) {
  size_t open = signature.find('('), end = signature.rfind(')');
  size_t name = signature.find("void ") + strlen("void ");
  std::stringstream types(signature.substr(open + 1, end - open - 1));
  std::string arguments, sizes, one;
  for (int i = 0; std::getline(types, one, ','); i++) {
    std::string type = one.substr(0, one.find_last_of(" *") + 1);
    arguments += (i ? ", *(" : "*(") + type + "*) p[" + std::to_string(i) + "]";
    sizes += "sizeof(" + type + "), ";
  }
  return "extern \"C\" void entry(void **p) { " + signature.substr(name, open - name) + "(" + arguments + "); }\n"
      + "extern \"C\" { extern const size_t sizes[] = {" + sizes + "0}; }\n";
}

std::string translated(const std::string &source) {
  static const std::regex shared(R"rx(__shared__ (.*) (\w+)\[(\d+)\];)rx");
  std::string text = "#include \"device.h\"\n", line, signature;
  std::istringstream lines(source);
  while (std::getline(lines, line)) {
    if (line.rfind("#include", 0) == 0) continue;
    if (line.find("__global__ void ") != std::string::npos) signature = line;
    if (line.find("asm volatile") != std::string::npos) line = translatedAssembly(line);
    // A group runs on one thread of the CPU. The compiler is told that others see the array.
    line = std::regex_replace(
        line, shared, "static thread_local $1 $2[$3]; asm volatile(\"\" :: \"r\"($2) : \"memory\");");
    text += line + "\n";
  }
  return text + entry(signature);
}

std::mutex compiling;
}

void *makeModule(const char *source) {
  std::lock_guard<std::mutex> one(compiling);
  static std::map<std::string, void *> modules;
  if (void *known = modules[source]) return known;
  std::string folder = getenv("EMULATOR_FOLDER") ? getenv("EMULATOR_FOLDER") : "/tmp";
  std::string base = folder + "/" + std::to_string(std::hash<std::string>()(translated(source)));
  if (access((base + ".so").c_str(), R_OK) != 0) {
    std::ofstream(base + ".cpp") << translated(source);
    // As on a device, an address that is no multiple of its type's size ends the program.
    std::string command = "unset LD_PRELOAD; g++ -w -O1 -march=native -ffp-contract=off -fno-strict-aliasing -fwrapv"
        " -fsanitize=alignment -fsanitize-undefined-trap-on-error -fPIC -shared -I " EMULATOR_SOURCES " -o " + base
        + ".part " + base + ".cpp && mv " + base + ".part " + base + ".so";
    if (system(command.c_str()) != 0) fail("the translated kernel does not compile");
  }
  void *module = dlopen((base + ".so").c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!module) fail(dlerror());
  return modules[source] = module;
}

namespace {
struct Function { Kernel entry; const size_t *sizes; };
}

void *makeFunction(void *module) {
  return new Function{(Kernel) dlsym(module, "entry"), (const size_t *) dlsym(module, "sizes")};
}

/** What a launch's parameters are worth; a graph launches the kernel later. */
std::vector<std::vector<char>> kept(void *function, void **parameters) {
  std::vector<std::vector<char>> values;
  for (const size_t *size = ((Function *) function)->sizes; *size; size++, parameters++) {
    values.emplace_back((char *) *parameters, (char *) *parameters + *size);
  }
  return values;
}

void launch(void *function, const unsigned *grid, const unsigned *block, void **parameters) {
  unsigned long groups = (unsigned long) grid[0] * grid[1] * grid[2];
  size_t threads = (size_t) block[0] * block[1] * block[2];
  std::atomic<unsigned long> taken{0};
  auto work = [&] {
    Group g;
    g.fibers.resize(threads);
    g.warps.resize((threads + LANES - 1) / LANES);
    g.kernel = ((Function *) function)->entry;
    g.parameters = parameters;
    g.barriers = 0;
    g.device = {{grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]}, {}, {}, 0,
        barrier, loadMatrix, multiply, multiplyInt8, exchange, copyLater, commit, wait};
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    char *stacks = (char *) mmap(nullptr, STACK * threads, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (stacks == MAP_FAILED) fail("no memory for the stacks");
    for (unsigned long i; (i = taken++) < groups;) {
      unsigned x = i % grid[0], y = i / grid[0] % grid[1], z = i / grid[0] / grid[1];
      runGroup(g, stacks, {x, y, z});
    }
    munmap(stacks, STACK * threads);
  };
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); i++) workers.emplace_back(work);
  for (std::thread &worker : workers) worker.join();
}
