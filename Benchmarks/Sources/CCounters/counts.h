// What the counting functions share.

#ifndef COUNTS_H
#define COUNTS_H

#include "CCounters.h"

#include <stdatomic.h>

struct thread_slot {
  atomic_int thread;
  _Atomic uint64_t allocations;
  _Atomic uint64_t retains;
  // No two threads write to one line of the cache.
  char padding[40];
};

// The calling thread's slot; never fails, allocates nothing.
struct thread_slot *counters_slot(void);

// Adds one to a count that only its own thread changes.
static inline void counters_add(_Atomic uint64_t *count) {
  atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + 1, memory_order_relaxed);
}

#endif
