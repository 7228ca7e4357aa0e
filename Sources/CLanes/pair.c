// Two messages at a time with the SHA instructions of x86: each waits for the one before it, so a second
// message fills the gaps.
#include "kernels.h"

#ifdef APUS_X86
#include <immintrin.h>

#define PAIR __attribute__((target("sha,sse4.1,ssse3")))
#define PAIR_INLINE static inline __attribute__((always_inline, target("sha,sse4.1,ssse3")))
#define UNROLL _Pragma("clang loop unroll(full)")
#define EACH for (int i = 0; i < 2; i++)

PAIR_INLINE __m128i rounds4(__m128i abcd, __m128i e, int group) {
  switch (group / 5) {
  case 0: return _mm_sha1rnds4_epu32(abcd, e, 0);
  case 1: return _mm_sha1rnds4_epu32(abcd, e, 1);
  case 2: return _mm_sha1rnds4_epu32(abcd, e, 2);
  default: return _mm_sha1rnds4_epu32(abcd, e, 3);
  }
}

PAIR void apus_sha1_pair(
  uint32_t *state, unsigned one, unsigned two, const uint8_t *first, const uint8_t *second, size_t count) {
  // The instructions want the first word in the highest place.
  const __m128i reverse = _mm_set_epi32(0x00010203, 0x04050607, 0x08090a0b, 0x0c0d0e0f);
  const unsigned lane[2] = {one, two};
  const uint8_t *data[2] = {first, second};
  __m128i abcd[2], e[2];
  UNROLL EACH {
    const uint32_t *word = state + lane[i];
    abcd[i] = _mm_set_epi32((int)word[0], (int)word[16], (int)word[32], (int)word[48]);
    e[i] = _mm_set_epi32((int)word[64], 0, 0, 0);
  }
  for (; count > 0; count--) {
    __m128i w[2][4], before[2], start[2], startE[2];
    UNROLL EACH {
      start[i] = abcd[i];
      startE[i] = e[i];
    }
    UNROLL for (int group = 0; group < 20; group++) {
      int g = group & 3;
      UNROLL EACH {
        if (group < 4) {
          w[i][g] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(data[i] + 16 * group)), reverse);
        } else {
          __m128i mixed = _mm_xor_si128(_mm_sha1msg1_epu32(w[i][g], w[i][(g + 1) & 3]), w[i][(g + 2) & 3]);
          w[i][g] = _mm_sha1msg2_epu32(mixed, w[i][(g + 3) & 3]);
        }
        e[i] = group == 0 ? _mm_add_epi32(e[i], w[i][0]) : _mm_sha1nexte_epu32(before[i], w[i][g]);
        before[i] = abcd[i];
        abcd[i] = rounds4(abcd[i], e[i], group);
      }
    }
    UNROLL EACH {
      e[i] = _mm_sha1nexte_epu32(before[i], startE[i]);
      abcd[i] = _mm_add_epi32(abcd[i], start[i]);
      data[i] += 64;
    }
  }
  UNROLL EACH {
    uint32_t *word = state + lane[i];
    word[0] = (uint32_t)_mm_extract_epi32(abcd[i], 3);
    word[16] = (uint32_t)_mm_extract_epi32(abcd[i], 2);
    word[32] = (uint32_t)_mm_extract_epi32(abcd[i], 1);
    word[48] = (uint32_t)_mm_extract_epi32(abcd[i], 0);
    word[64] = (uint32_t)_mm_extract_epi32(e[i], 3);
  }
}

PAIR void apus_sha256_pair(
  uint32_t *state, unsigned one, unsigned two, const uint8_t *first, const uint8_t *second, size_t count) {
  const __m128i swap = _mm_set_epi32(0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203);
  const unsigned lane[2] = {one, two};
  const uint8_t *data[2] = {first, second};
  __m128i abef[2], cdgh[2];
  UNROLL EACH {
    const uint32_t *word = state + lane[i];
    abef[i] = _mm_set_epi32((int)word[0], (int)word[16], (int)word[64], (int)word[80]);
    cdgh[i] = _mm_set_epi32((int)word[32], (int)word[48], (int)word[96], (int)word[112]);
  }
  for (; count > 0; count--) {
    __m128i w[2][4], startAbef[2], startCdgh[2];
    UNROLL EACH {
      startAbef[i] = abef[i];
      startCdgh[i] = cdgh[i];
    }
    UNROLL for (int group = 0; group < 16; group++) {
      int g = group & 3;
      const __m128i k = _mm_loadu_si128((const __m128i *)(apus_sha256_k + 4 * group));
      UNROLL EACH {
        if (group < 4) {
          w[i][g] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(data[i] + 16 * group)), swap);
        } else {
          __m128i last = w[i][(g + 3) & 3];
          __m128i sum = _mm_add_epi32(
            _mm_sha256msg1_epu32(w[i][g], w[i][(g + 1) & 3]), _mm_alignr_epi8(last, w[i][(g + 2) & 3], 4));
          w[i][g] = _mm_sha256msg2_epu32(sum, last);
        }
        __m128i sum = _mm_add_epi32(w[i][g], k);
        // Two rounds each; what was `abef` is `cdgh` afterwards.
        cdgh[i] = _mm_sha256rnds2_epu32(cdgh[i], abef[i], sum);
        abef[i] = _mm_sha256rnds2_epu32(abef[i], cdgh[i], _mm_shuffle_epi32(sum, 0x0e));
      }
    }
    UNROLL EACH {
      abef[i] = _mm_add_epi32(abef[i], startAbef[i]);
      cdgh[i] = _mm_add_epi32(cdgh[i], startCdgh[i]);
      data[i] += 64;
    }
  }
  UNROLL EACH {
    uint32_t *word = state + lane[i];
    word[0] = (uint32_t)_mm_extract_epi32(abef[i], 3);
    word[16] = (uint32_t)_mm_extract_epi32(abef[i], 2);
    word[32] = (uint32_t)_mm_extract_epi32(cdgh[i], 3);
    word[48] = (uint32_t)_mm_extract_epi32(cdgh[i], 2);
    word[64] = (uint32_t)_mm_extract_epi32(abef[i], 1);
    word[80] = (uint32_t)_mm_extract_epi32(abef[i], 0);
    word[96] = (uint32_t)_mm_extract_epi32(cdgh[i], 1);
    word[112] = (uint32_t)_mm_extract_epi32(cdgh[i], 0);
  }
}
#endif
