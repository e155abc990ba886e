// SPDX-License-Identifier: Apache-2.0
// The most float32 arithmetic that this machine can do, measured without Java: every thread runs
// chains of multiply-adds that stay in registers, in many short slices. Prints the sum of the
// threads' fastest slices in GFLOP/s, as org.lvsa.toolkit.sweep.ArithmeticLimit does.
//
//   gcc -O2 -march=native -pthread -DBYTES=32 multiply_adds.c -o multiply_adds && ./multiply_adds 2
//
// BYTES is the width of a vector: 16, 32 or 64.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef float vector __attribute__((vector_size(BYTES)));

enum { CHAINS = 12, ROUNDS = 200000, SLICES = 100 };

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

// Chains x = x + half * one side by side. The empty asm hides the values from the compiler, which
// would otherwise multiply once, before the loop, and only add in it.
#define HIDE(x) __asm__("" : "+x"(x))
#define STEP(x) HIDE(half); x += half * one; HIDE(x)

static vector chains(void) {
  vector half = (vector){} + 0.5f, one = (vector){} + 1;
  vector a = one, b = one, c = one, d = one, e = one, f = one;
  vector g = one, h = one, i = one, j = one, k = one, l = one;
  HIDE(one);
  for (int round = 0; round < ROUNDS; round++) {
    STEP(a); STEP(b); STEP(c); STEP(d); STEP(e); STEP(f);
    STEP(g); STEP(h); STEP(i); STEP(j); STEP(k); STEP(l);
  }
  return a + b + c + d + e + f + g + h + i + j + k + l;
}

static void *fastest(void *result) {
  double least = 1e9;
  volatile float sink;
  for (int slice = 0; slice < SLICES; slice++) {
    double start = seconds();
    sink = chains()[0];
    double took = seconds() - start;
    if (took < least) least = took;
  }
  (void)sink;
  *(double *)result = 2.0 * CHAINS * (BYTES / sizeof(float)) * ROUNDS / least / 1e9;
  return NULL;
}

int main(int argc, char **argv) {
  int threads = argc > 1 ? atoi(argv[1]) : 1;
  if (threads < 1 || threads > 1024) {
    fprintf(stderr, "threads must be 1 to 1024, got %s\n", argv[1]);
    return 2;
  }
  pthread_t running[threads];
  double each[threads], sum = 0;
  for (int i = 0; i < threads; i++) pthread_create(&running[i], NULL, fastest, &each[i]);
  for (int i = 0; i < threads; i++) {
    pthread_join(running[i], NULL);
    sum += each[i];
  }
  printf("%.1f\n", sum);
  return 0;
}
