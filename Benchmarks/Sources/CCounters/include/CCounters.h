// Counts what a program does, call by call: heap allocations, retains of Swift objects, and instructions.
// Counts repeat from run to run where times do not.

#ifndef CCOUNTERS_H
#define CCOUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One thread's counts since the program began.
struct thread_counts {
  char name[16];
  // Calls of malloc, calloc, realloc, posix_memalign, aligned_alloc and memalign.
  uint64_t allocations;
  // Calls of swift_retain and its like, from everywhere but inside of the Swift runtime.
  uint64_t retains;
};

// The counts of the calling thread.
struct thread_counts counters_here(void);

// The counts of all threads that run and have allocated, the oldest first; how many there are.
size_t counters_threads(struct thread_counts *all, size_t capacity);

// Runs `body(context)` twice in a copy of this process and counts the instructions of the second time, one by
// one. No other thread may hold a lock. -1 if it takes more than `limit`, or the system does not allow it.
int64_t counters_instructions(void (*body)(void *), void *context, int64_t limit);

#endif
