// Takes the place of the Swift runtime's retain functions, counts the calls and passes them on. Every retain is
// followed by a release sooner or later, so those are not counted.

#define _GNU_SOURCE
#include "counts.h"

#include <dlfcn.h>

typedef void *(*retain_one)(void *);
typedef void *(*retain_many)(void *, uint32_t);

// The runtime's own function of that name. Threads that look it up at the same time find the same.
static void *find(void *_Atomic *known, const char *name) {
  void *function = atomic_load_explicit(known, memory_order_relaxed);
  if (__builtin_expect(function != NULL, 1)) return function;
  function = dlsym(RTLD_NEXT, name);
  atomic_store_explicit(known, function, memory_order_relaxed);
  return function;
}

static void *_Atomic retain, *_Atomic retain_n, *_Atomic bridge_retain, *_Atomic bridge_retain_n;

static void count(void) { counters_add(&counters_slot()->retains); }

void *swift_retain(void *object) {
  count();
  return ((retain_one)find(&retain, "swift_retain"))(object);
}

void *swift_retain_n(void *object, uint32_t number) {
  count();
  return ((retain_many)find(&retain_n, "swift_retain_n"))(object, number);
}

void *swift_bridgeObjectRetain(void *object) {
  count();
  return ((retain_one)find(&bridge_retain, "swift_bridgeObjectRetain"))(object);
}

void *swift_bridgeObjectRetain_n(void *object, uint32_t number) {
  count();
  return ((retain_many)find(&bridge_retain_n, "swift_bridgeObjectRetain_n"))(object, number);
}
