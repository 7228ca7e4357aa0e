// zlib, and what it offers as macros, which Swift does not import.
#pragma once
#include <zlib.h>

/// Begins to unpack gzip, and nothing else.
static inline int apus_gunzip_start(z_stream *stream) { return inflateInit2(stream, 15 + 16); }

/// Begins to pack as gzip; 1 is fast, 9 is small.
static inline int apus_gzip_start(z_stream *stream, int level) {
  return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}
