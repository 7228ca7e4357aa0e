// zlib, and what it offers as macros, which Swift does not import.
#pragma once
#include <zlib.h>

/// Begins to unpack gzip, and nothing else.
static inline int apus_gunzip_start(z_stream *stream) { return inflateInit2(stream, 15 + 16); }
