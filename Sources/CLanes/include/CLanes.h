// Compression functions of SHA-1 and SHA-256 (FIPS 180-4) over many messages side by side: a vector
// register holds the same word of 16 messages. What no library of Debian 12 offers with a running state.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Messages that are hashed side by side at most.
#define APUS_LANES 16

/// How to hash; see `apus_lanes_best`.
struct apus_lanes_kernel {
  /// Whether two messages at a time go through the processor's SHA instructions.
  int has_pairs;
  /// From how many messages on the 16 lanes of AVX-512 are faster; more than 16: never.
  unsigned sha1_wide_from;
  /// The same for SHA-256.
  unsigned sha256_wide_from;
};

/// The fastest that this processor has. Without its instructions everything is left to libcrypto, message by
/// message.
struct apus_lanes_kernel apus_lanes_best(void);

/// Takes `blocks[i]` blocks of 64 bytes from `data[i]` into message `i`, for 16 messages; `data[i]` is not
/// looked at where that is 0. `state` is transposed: word `w` of message `i` is at `16 * w + i`; SHA-1 has
/// 5 words, SHA-256 has 8.
void apus_sha1_lanes(
  uint32_t *state, const uint8_t *const *data, const size_t *blocks, const struct apus_lanes_kernel *kernel);
void apus_sha256_lanes(
  uint32_t *state, const uint8_t *const *data, const size_t *blocks, const struct apus_lanes_kernel *kernel);

/// SHA-256 of `count` messages of 64 bytes that follow each other. `digests`, 32 bytes each, may be where
/// `pairs` is.
void apus_sha256_parents(
  const uint8_t *pairs, uint8_t *digests, size_t count, const struct apus_lanes_kernel *kernel);
