// What the files of this target share.
#pragma once
#include "CLanes.h"

#if defined(__x86_64__) && defined(__clang__)
#define APUS_X86 1
#endif

/// FIPS 180-4, 4.2.2.
extern const uint32_t apus_sha256_k[64];

#ifdef APUS_X86
/// `count` blocks each from messages `one` and `two`, interleaved.
void apus_sha1_pair(
  uint32_t *state, unsigned one, unsigned two, const uint8_t *first, const uint8_t *second, size_t count);
void apus_sha256_pair(
  uint32_t *state, unsigned one, unsigned two, const uint8_t *first, const uint8_t *second, size_t count);
/// `count` blocks each from all 16 pointers, which must be readable; only messages in `mask` change.
void apus_sha1_wide(uint32_t *state, const uint8_t *const *data, size_t count, unsigned mask);
void apus_sha256_wide(uint32_t *state, const uint8_t *const *data, size_t count, unsigned mask);
#endif
