// 16 lanes: AVX-512. Each vector holds one word of 16 messages.
#include "kernels.h"

#ifdef APUS_X86
#include <immintrin.h>

#define WIDE __attribute__((target("avx512f,avx512bw,avx512vl")))
#define WIDE_INLINE static inline __attribute__((always_inline, target("avx512f,avx512bw,avx512vl")))
#define UNROLL _Pragma("clang loop unroll(full)")

// Any function of three bits as one instruction, by its truth table.
#define CHOOSE(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xca)
#define MAJORITY(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0xe8)
#define PARITY(x, y, z) _mm512_ternarylogic_epi32(x, y, z, 0x96)
#define ADD _mm512_add_epi32

/// The next block of 16 messages as 16 vectors of words: loaded, swapped to big endian, transposed.
WIDE_INLINE void load(__m512i w[16], const uint8_t *const *data, size_t offset) {
  const __m512i swap = _mm512_set_epi32(
    0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203, 0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203,
    0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203, 0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203);
  __m512i t[16], u[16];
  // Rows in pairs, then in fours: `u[4 * q + c]` has columns c, 4 + c, 8 + c, 12 + c of rows 4q to 4q + 3.
  UNROLL for (int i = 0; i < 8; i++) {
    __m512i even = _mm512_loadu_si512(data[2 * i] + offset);
    __m512i odd = _mm512_loadu_si512(data[2 * i + 1] + offset);
    t[2 * i] = _mm512_unpacklo_epi32(even, odd);
    t[2 * i + 1] = _mm512_unpackhi_epi32(even, odd);
  }
  UNROLL for (int q = 0; q < 4; q++) {
    u[4 * q] = _mm512_unpacklo_epi64(t[4 * q], t[4 * q + 2]);
    u[4 * q + 1] = _mm512_unpackhi_epi64(t[4 * q], t[4 * q + 2]);
    u[4 * q + 2] = _mm512_unpacklo_epi64(t[4 * q + 1], t[4 * q + 3]);
    u[4 * q + 3] = _mm512_unpackhi_epi64(t[4 * q + 1], t[4 * q + 3]);
  }
  // Then the 128-bit quarters of the four row groups.
  UNROLL for (int c = 0; c < 4; c++) {
    __m512i low = _mm512_shuffle_i32x4(u[c], u[4 + c], 0x44);
    __m512i high = _mm512_shuffle_i32x4(u[c], u[4 + c], 0xee);
    __m512i lower = _mm512_shuffle_i32x4(u[8 + c], u[12 + c], 0x44);
    __m512i higher = _mm512_shuffle_i32x4(u[8 + c], u[12 + c], 0xee);
    w[c] = _mm512_shuffle_epi8(_mm512_shuffle_i32x4(low, lower, 0x88), swap);
    w[4 + c] = _mm512_shuffle_epi8(_mm512_shuffle_i32x4(low, lower, 0xdd), swap);
    w[8 + c] = _mm512_shuffle_epi8(_mm512_shuffle_i32x4(high, higher, 0x88), swap);
    w[12 + c] = _mm512_shuffle_epi8(_mm512_shuffle_i32x4(high, higher, 0xdd), swap);
  }
}

/// The function of SHA-1's round `t` (FIPS 180-4, 4.1.1).
WIDE_INLINE __m512i sha1_f(int t, __m512i b, __m512i c, __m512i d) {
  if (t < 20) return CHOOSE(b, c, d);
  if (t >= 40 && t < 60) return MAJORITY(b, c, d);
  return PARITY(b, c, d);
}

WIDE void apus_sha1_wide(uint32_t *state, const uint8_t *const *data, size_t count, unsigned mask) {
  static const uint32_t k[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
  __m512i h[5];
  UNROLL for (int i = 0; i < 5; i++) h[i] = _mm512_loadu_si512(state + 16 * i);
  for (size_t block = 0; block < count; block++) {
    __m512i w[16];
    load(w, data, 64 * block);
    __m512i a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    UNROLL for (int t = 0; t < 80; t++) {
      if (t >= 16) {
        __m512i mixed = PARITY(w[(t - 3) & 15], w[(t - 8) & 15], w[(t - 14) & 15]);
        w[t & 15] = _mm512_rol_epi32(_mm512_xor_si512(mixed, w[t & 15]), 1);
      }
      __m512i sum = ADD(ADD(e, w[t & 15]), _mm512_set1_epi32((int)k[t / 20]));
      sum = ADD(ADD(sum, sha1_f(t, b, c, d)), _mm512_rol_epi32(a, 5));
      e = d;
      d = c;
      c = _mm512_rol_epi32(b, 30);
      b = a;
      a = sum;
    }
    h[0] = ADD(h[0], a);
    h[1] = ADD(h[1], b);
    h[2] = ADD(h[2], c);
    h[3] = ADD(h[3], d);
    h[4] = ADD(h[4], e);
  }
  UNROLL for (int i = 0; i < 5; i++) _mm512_mask_storeu_epi32(state + 16 * i, (__mmask16)mask, h[i]);
}

#define ROTATED(x, i, j, k) PARITY(_mm512_ror_epi32(x, i), _mm512_ror_epi32(x, j), _mm512_ror_epi32(x, k))
#define SHIFTED(x, i, j, k) PARITY(_mm512_ror_epi32(x, i), _mm512_ror_epi32(x, j), _mm512_srli_epi32(x, k))

WIDE void apus_sha256_wide(uint32_t *state, const uint8_t *const *data, size_t count, unsigned mask) {
  __m512i s[8];
  UNROLL for (int i = 0; i < 8; i++) s[i] = _mm512_loadu_si512(state + 16 * i);
  for (size_t block = 0; block < count; block++) {
    __m512i w[16];
    load(w, data, 64 * block);
    __m512i a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
    UNROLL for (int t = 0; t < 64; t++) {
      if (t >= 16) {
        __m512i near = ADD(SHIFTED(w[(t - 2) & 15], 17, 19, 10), w[(t - 7) & 15]);
        w[t & 15] = ADD(ADD(near, SHIFTED(w[(t - 15) & 15], 7, 18, 3)), w[t & 15]);
      }
      __m512i sum = ADD(ADD(h, w[t & 15]), _mm512_set1_epi32((int)apus_sha256_k[t]));
      sum = ADD(ADD(sum, ROTATED(e, 6, 11, 25)), CHOOSE(e, f, g));
      __m512i other = ADD(ROTATED(a, 2, 13, 22), MAJORITY(a, b, c));
      h = g;
      g = f;
      f = e;
      e = ADD(d, sum);
      d = c;
      c = b;
      b = a;
      a = ADD(sum, other);
    }
    __m512i last[8] = {a, b, c, d, e, f, g, h};
    UNROLL for (int i = 0; i < 8; i++) s[i] = ADD(s[i], last[i]);
  }
  UNROLL for (int i = 0; i < 8; i++) _mm512_mask_storeu_epi32(state + 16 * i, (__mmask16)mask, s[i]);
}
#endif
