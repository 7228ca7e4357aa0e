// Datagrams that are answered right after they came, many of them with two system calls.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Where a datagram came from, how long it is, and how long the answer to it is.
struct apus_arrival {
  /// A sockaddr_in or sockaddr_in6. Not by name: netinet/in.h belongs to another Swift module.
  _Alignas(8) uint8_t address[28];
  /// Bytes that came; 0 for one that is longer than its place.
  uint32_t length;
  /// Bytes to be sent back; 0 sends nothing.
  uint32_t answer;
};

/// Datagrams of one batch at most.
#define APUS_EXCHANGE 64
/// Bytes from the place of one datagram, or of one answer, to that of the next: odd multiples of a cache line, so
/// that their starts do not fall into the same few lines of the cache.
#define APUS_EXCHANGE_PLACE 1600

/// The memory of a batch: datagram i lies at `requests + i * APUS_EXCHANGE_PLACE`, its answer goes to
/// `answers + i * APUS_EXCHANGE_PLACE`.
struct apus_exchange {
  struct apus_arrival arrivals[APUS_EXCHANGE];
  uint8_t *requests;
  uint8_t *answers;
  /// What the system calls take, made once.
  void *headers;
};

/// The memory of a batch; NULL if there is none. `has_local` keeps to which of its addresses each datagram came
/// (see apus_tell_local), so that the answer leaves from there.
struct apus_exchange *apus_exchange_new(int has_local);
void apus_exchange_free(struct apus_exchange *exchange);
/// Receives what waits, without blocking: how many came, or -1 with errno.
int apus_exchange_receive(int fd, struct apus_exchange *exchange);
/// Sends the answers to the first `count` datagrams; how many of those that there were the system did not take.
int apus_exchange_answer(int fd, struct apus_exchange *exchange, int count);
/// Sends the first `count` answers through a connected socket; how many of those that there are it took.
int apus_exchange_send(int fd, struct apus_exchange *exchange, int count);
/// Has a datagram socket tell to which of the machine's addresses each datagram came; 0 or -1 with errno.
int apus_tell_local(int fd, int family);
/// Sleeps for so many nanoseconds.
void apus_pause(uint32_t nanoseconds);
/// Has the pauses of the calling thread end on time, not up to 50 microseconds later.
void apus_pause_exactly(void);
/// Processors that the process may run on, at least one.
int apus_processors(void);
