// A crowd of peers on one thread, as cheap as can be: what is measured is the engine at the other end.

#ifndef CCROWD_H
#define CCROWD_H

#include <stdbool.h>
#include <stdint.h>

struct crowd {
  // The engine, at 127.0.0.1.
  uint16_t port;
  int peers;
  uint8_t info_hash[20];
  // The content, of whole pieces.
  const uint8_t *content;
  uint64_t size;
  uint32_t piece_length;
  // Whether the peers have everything, or want everything.
  bool has_all;
};

// Connects all peers and lets them trade until they have received `bytes` together (those that want everything)
// or the engine has closed all connections. Nobody compares what is received. How many bytes of blocks moved;
// negative for an error number.
int64_t crowd_run(const struct crowd *crowd, uint64_t bytes);

#endif
