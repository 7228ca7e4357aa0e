// Which messages go through which kernel.
// libcrypto's functions of the state alone are called deprecated, but only they neither allocate nor hide it.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "kernels.h"
#include <openssl/sha.h>
#include <string.h>

#ifdef APUS_X86
#include <cpuid.h>
#endif

const uint32_t apus_sha256_k[64] = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

struct apus_lanes_kernel apus_lanes_best(void) {
  struct apus_lanes_kernel best = {0, APUS_LANES + 1, APUS_LANES + 1};
#ifdef APUS_X86
  unsigned a, b, c, d;
  unsigned sse = 0;
  if (__get_cpuid(1, &a, &b, &c, &d)) sse = (c >> 9 & 1) & (c >> 19 & 1);
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) best.has_pairs = sse & (b >> 29 & 1);
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl")) {
    // Measured: below that pairs are faster, or single messages where there are no pairs.
    best.sha1_wide_from = best.has_pairs ? 6 : 4;
    best.sha256_wide_from = best.has_pairs ? 9 : 4;
  }
#endif
  return best;
}

static void sha1_single(uint32_t *state, unsigned lane, const uint8_t *data, size_t count) {
  SHA_CTX context;
  memset(&context, 0, sizeof context);
  uint32_t *word = state + lane;
  context.h0 = word[0];
  context.h1 = word[16];
  context.h2 = word[32];
  context.h3 = word[48];
  context.h4 = word[64];
  SHA1_Update(&context, data, 64 * count);
  word[0] = context.h0;
  word[16] = context.h1;
  word[32] = context.h2;
  word[48] = context.h3;
  word[64] = context.h4;
}

static void sha256_single(uint32_t *state, unsigned lane, const uint8_t *data, size_t count) {
  SHA256_CTX context;
  memset(&context, 0, sizeof context);
  context.md_len = SHA256_DIGEST_LENGTH;
  for (int i = 0; i < 8; i++) context.h[i] = state[16 * i + (int)lane];
  SHA256_Update(&context, data, 64 * count);
  for (int i = 0; i < 8; i++) state[16 * i + (int)lane] = context.h[i];
}

/// One of the two hash functions.
struct algorithm {
  void (*single)(uint32_t *state, unsigned lane, const uint8_t *data, size_t count);
#ifdef APUS_X86
  void (*pair)(
    uint32_t *state, unsigned one, unsigned two, const uint8_t *first, const uint8_t *second, size_t count);
  void (*wide)(uint32_t *state, const uint8_t *const *data, size_t count, unsigned mask);
#endif
};

#ifdef APUS_X86
static const struct algorithm sha1 = {sha1_single, apus_sha1_pair, apus_sha1_wide};
static const struct algorithm sha256 = {sha256_single, apus_sha256_pair, apus_sha256_wide};
#else
static const struct algorithm sha1 = {sha1_single};
static const struct algorithm sha256 = {sha256_single};
#endif

/// Takes in what all messages have left until the shortest ends, then what the others have, and so on.
static void run(
  const struct algorithm *algorithm, uint32_t *state, const uint8_t *const *data, const size_t *blocks,
  int has_pairs, unsigned wide_from) {
  const uint8_t *at[APUS_LANES];
  size_t left[APUS_LANES];
  for (unsigned i = 0; i < APUS_LANES; i++) {
    left[i] = blocks[i];
    at[i] = blocks[i] > 0 ? data[i] : NULL;
  }
  while (1) {
    unsigned active[APUS_LANES];
    unsigned count = 0, mask = 0;
    size_t least = SIZE_MAX;
    for (unsigned i = 0; i < APUS_LANES; i++) {
      if (left[i] == 0) continue;
      active[count++] = i;
      mask |= 1u << i;
      if (left[i] < least) least = left[i];
    }
    if (count == 0) return;
    unsigned next = 0;
#ifdef APUS_X86
    if (count >= wide_from) {
      // Lanes without a message repeat another's; what comes of that is not kept.
      for (unsigned i = 0; i < APUS_LANES; i++) if (left[i] == 0) at[i] = at[active[0]];
      algorithm->wide(state, at, least, mask);
      next = count;
    }
    while (has_pairs && next + 1 < count) {
      unsigned one = active[next], two = active[next + 1];
      algorithm->pair(state, one, two, at[one], at[two], least);
      next += 2;
    }
#else
    (void)has_pairs, (void)wide_from, (void)mask;
#endif
    for (; next < count; next++) algorithm->single(state, active[next], at[active[next]], least);
    for (unsigned i = 0; i < count; i++) {
      at[active[i]] += 64 * least;
      left[active[i]] -= least;
    }
  }
}

void apus_sha1_lanes(
  uint32_t *state, const uint8_t *const *data, const size_t *blocks, const struct apus_lanes_kernel *kernel) {
  run(&sha1, state, data, blocks, kernel->has_pairs, kernel->sha1_wide_from);
}

void apus_sha256_lanes(
  uint32_t *state, const uint8_t *const *data, const size_t *blocks, const struct apus_lanes_kernel *kernel) {
  run(&sha256, state, data, blocks, kernel->has_pairs, kernel->sha256_wide_from);
}

void apus_sha256_parents(
  const uint8_t *pairs, uint8_t *digests, size_t count, const struct apus_lanes_kernel *kernel) {
  // FIPS 180-4, 5.3.3, and what pads a message of 64 bytes.
  static const uint32_t initial[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  static const uint8_t padding[64] = {[0] = 0x80, [62] = 0x02};
  uint32_t state[8 * APUS_LANES];
  const uint8_t *data[APUS_LANES], *end[APUS_LANES];
  size_t blocks[APUS_LANES];
  while (count > 0) {
    unsigned width = count < APUS_LANES ? (unsigned)count : APUS_LANES;
    for (unsigned i = 0; i < APUS_LANES; i++) {
      data[i] = pairs + 64 * i;
      end[i] = padding;
      blocks[i] = i < width;
    }
    for (unsigned i = 0; i < 8 * APUS_LANES; i++) state[i] = initial[i / APUS_LANES];
    apus_sha256_lanes(state, data, blocks, kernel);
    apus_sha256_lanes(state, end, blocks, kernel);
    for (unsigned i = 0; i < width; i++) {
      for (unsigned w = 0; w < 8; w++) {
        uint32_t word = __builtin_bswap32(state[APUS_LANES * w + i]);
        memcpy(digests + 32 * i + 4 * w, &word, 4);
      }
    }
    pairs += 64 * width;
    digests += 32 * width;
    count -= width;
  }
}
