// Takes the place of the C library's allocation functions, counts the calls and passes them on. The linker
// prefers these to those of libc for the whole program, libraries included.

#define _GNU_SOURCE
#include "counts.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

enum { maximum_threads = 1024 };

static _Alignas(64) struct thread_slot slots[maximum_threads];
static atomic_size_t used_slots;
static struct thread_slot overflow;
static __thread struct thread_slot *mine;

struct thread_slot *counters_slot(void) {
  if (__builtin_expect(mine != NULL, 1)) return mine;
  size_t index = atomic_fetch_add_explicit(&used_slots, 1, memory_order_relaxed);
  mine = index < maximum_threads ? &slots[index] : &overflow;
  atomic_store_explicit(&mine->thread, (int)syscall(SYS_gettid), memory_order_release);
  return mine;
}

static void count(void) { counters_add(&counters_slot()->allocations); }

void *malloc(size_t size) {
  count();
  return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
  count();
  return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size) {
  count();
  return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
  count();
  void *memory = __libc_memalign(alignment, size);
  if (memory == NULL) return ENOMEM;
  *result = memory;
  return 0;
}

static struct thread_counts read_slot(struct thread_slot *slot) {
  struct thread_counts counts = {
      .allocations = atomic_load_explicit(&slot->allocations, memory_order_relaxed),
      .retains = atomic_load_explicit(&slot->retains, memory_order_relaxed),
  };
  return counts;
}

struct thread_counts counters_here(void) { return read_slot(counters_slot()); }

// Threads are named after they have begun, so the name is looked up late.
static bool read_name(int thread, char name[16]) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/task/%d/comm", thread);
  FILE *file = fopen(path, "r");
  if (file == NULL) return false;
  bool found = fgets(name, 16, file) != NULL;
  fclose(file);
  if (found) name[strcspn(name, "\n")] = 0;
  return found;
}

size_t counters_threads(struct thread_counts *all, size_t capacity) {
  size_t last = atomic_load_explicit(&used_slots, memory_order_acquire);
  size_t found = 0;
  for (size_t index = 0; index < last && index < maximum_threads && found < capacity; index++) {
    int thread = atomic_load_explicit(&slots[index].thread, memory_order_acquire);
    if (thread == 0) continue;
    struct thread_counts counts = read_slot(&slots[index]);
    if (read_name(thread, counts.name)) all[found++] = counts;
  }
  return found;
}
