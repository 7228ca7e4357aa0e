#define _GNU_SOURCE
#include "CCrowd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BLOCK = 16384, WINDOW = 32, HANDSHAKE = 68, IN = 256 << 10, QUEUE = 4096 };

struct request {
  uint32_t piece, begin, length;
};

struct peer {
  int descriptor;
  bool is_greeted, is_choked;
  // One message, as far as it is here; payloads of blocks are skipped.
  uint8_t head[64];
  uint32_t head_count;
  uint64_t skip;
  // What it asks for: the next block, and how many are on the way.
  uint64_t next;
  uint32_t on_the_way, in_piece;
  // What it is asked for, and how far the first of it is sent.
  struct request *queue;
  uint32_t first, count, sent;
  bool waits_to_write;
};

static void put(uint8_t *at, uint32_t value) {
  value = htonl(value);
  memcpy(at, &value, 4);
}

static uint32_t get(const uint8_t *at) {
  uint32_t value;
  memcpy(&value, at, 4);
  return ntohl(value);
}

// Small messages: the socket has room for them.
static void say(struct peer *peer, const void *bytes, size_t count) {
  (void)!send(peer->descriptor, bytes, count, MSG_NOSIGNAL);
}

static void ask(const struct crowd *crowd, struct peer *peer) {
  uint8_t out[WINDOW * 17 + 9];
  size_t count = 0;
  if (peer->is_choked || peer->on_the_way * 2 > WINDOW) return;
  for (; peer->on_the_way < WINDOW; peer->on_the_way++) {
    put(out + count, 13);
    out[count + 4] = 6;
    put(out + count + 5, (uint32_t)(peer->next / crowd->piece_length));
    put(out + count + 9, (uint32_t)(peer->next % crowd->piece_length));
    put(out + count + 13, BLOCK);
    count += 17;
    peer->next = (peer->next + BLOCK) % crowd->size;
  }
  say(peer, out, count);
}

static void block_came(const struct crowd *crowd, struct peer *peer, uint32_t piece) {
  if (peer->on_the_way > 0) peer->on_the_way--;
  peer->in_piece += BLOCK;
  if (peer->in_piece < crowd->piece_length) return;
  peer->in_piece = 0;
  uint8_t have[9] = {0, 0, 0, 5, 4};
  put(have + 5, piece);
  say(peer, have, sizeof have);
}

static int serve(int poll, const struct crowd *crowd, struct peer *peer, uint64_t *moved) {
  while (peer->count > 0) {
    struct iovec vectors[64];
    uint8_t heads[32][13];
    int used = 0;
    uint64_t skip = peer->sent;
    for (uint32_t i = 0; i < peer->count && i < 32; i++) {
      const struct request *request = &peer->queue[(peer->first + i) % QUEUE];
      put(heads[i], 9 + request->length);
      heads[i][4] = 7;
      put(heads[i] + 5, request->piece);
      put(heads[i] + 9, request->begin);
      struct iovec both[2] = {
        {heads[i], 13},
        {(void *)(crowd->content + (uint64_t)request->piece * crowd->piece_length + request->begin), request->length},
      };
      for (int half = 0; half < 2; half++) {
        size_t less = skip < both[half].iov_len ? skip : both[half].iov_len;
        skip -= less;
        if (less == both[half].iov_len) continue;
        vectors[used].iov_base = (uint8_t *)both[half].iov_base + less;
        vectors[used++].iov_len = both[half].iov_len - less;
      }
    }
    ssize_t wrote = writev(peer->descriptor, vectors, used);
    if (wrote < 0 && errno == EAGAIN) {
      if (!peer->waits_to_write) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = peer};
        epoll_ctl(poll, EPOLL_CTL_MOD, peer->descriptor, &event);
        peer->waits_to_write = true;
      }
      return 0;
    }
    if (wrote < 0) return -errno;
    uint64_t total = peer->sent + (uint64_t)wrote;
    while (peer->count > 0 && total >= 13 + peer->queue[peer->first].length) {
      total -= 13 + peer->queue[peer->first].length;
      *moved += peer->queue[peer->first].length;
      peer->first = (peer->first + 1) % QUEUE;
      peer->count--;
    }
    peer->sent = (uint32_t)total;
  }
  if (peer->waits_to_write) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
    epoll_ctl(poll, EPOLL_CTL_MOD, peer->descriptor, &event);
    peer->waits_to_write = false;
  }
  return 0;
}

static void cancelled(struct peer *peer, const struct request *request) {
  // The first one is on its way.
  for (uint32_t i = peer->sent > 0; i < peer->count; i++) {
    struct request *there = &peer->queue[(peer->first + i) % QUEUE];
    if (memcmp(there, request, sizeof *there) != 0) continue;
    for (; i + 1 < peer->count; i++) peer->queue[(peer->first + i) % QUEUE] = peer->queue[(peer->first + i + 1) % QUEUE];
    peer->count--;
    return;
  }
}

static void heard(const struct crowd *crowd, struct peer *peer, const uint8_t *head, uint32_t length, uint64_t *moved) {
  struct request request = {length >= 13 ? get(head + 5) : 0, length >= 13 ? get(head + 9) : 0,
                            length >= 13 ? get(head + 13) : 0};
  switch (head[4]) {
  case 0:
    peer->is_choked = true;
    break;
  case 1:
    peer->is_choked = false;
    break;
  case 2: {
    static const uint8_t unchoke[5] = {0, 0, 0, 1, 1};
    if (crowd->has_all) say(peer, unchoke, sizeof unchoke);
    break;
  }
  case 6:
    if (peer->count < QUEUE && (uint64_t)request.piece * crowd->piece_length + request.begin + request.length <= crowd->size)
      peer->queue[(peer->first + peer->count++) % QUEUE] = request;
    break;
  case 7:
    *moved += length - 9;
    block_came(crowd, peer, request.piece);
    break;
  case 8:
    if (crowd->has_all) cancelled(peer, &request);
    break;
  case 16:
    // Asked for again later: which block it is does not matter to anyone here.
    if (peer->on_the_way > 0) peer->on_the_way--;
    break;
  }
}

// Bytes from the socket: heads of messages are gathered, payloads passed over.
static void take(const struct crowd *crowd, struct peer *peer, const uint8_t *bytes, size_t count, uint64_t *moved) {
  while (count > 0) {
    if (peer->skip > 0) {
      size_t less = peer->skip < count ? peer->skip : count;
      peer->skip -= less;
      bytes += less;
      count -= less;
      continue;
    }
    peer->head[peer->head_count++] = *bytes++;
    count--;
    if (!peer->is_greeted) {
      if (peer->head_count == 1) peer->skip = HANDSHAKE - 1;
      peer->is_greeted = true;
      peer->head_count = 0;
      continue;
    }
    if (peer->head_count < 4) continue;
    uint32_t length = get(peer->head);
    uint32_t wanted = length > 13 ? 17 : 4 + length;
    // Of a block only what it is.
    if (peer->head_count > 4 && peer->head[4] == 7) wanted = 13;
    if (peer->head_count < wanted) continue;
    if (length > 0) heard(crowd, peer, peer->head, length, moved);
    peer->skip = 4 + length - wanted;
    peer->head_count = 0;
  }
}

static int connect_peer(const struct crowd *crowd, struct peer *peer, int number) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(crowd->port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  peer->descriptor = socket(AF_INET, SOCK_STREAM, 0);
  if (peer->descriptor < 0 || connect(peer->descriptor, (struct sockaddr *)&address, sizeof address) != 0) return -errno;
  int one = 1;
  setsockopt(peer->descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  uint8_t hello[HANDSHAKE + 10] = "\x13" "BitTorrent protocol";
  memset(hello + 20, 0, 8);
  hello[27] = 4;
  memcpy(hello + 28, crowd->info_hash, 20);
  memcpy(hello + 48, "-CR0100-", 8);
  for (int i = 0; i < 12; i++, number /= 26) hello[56 + i] = (uint8_t)('a' + number % 26);
  // Have all; or have none and interested.
  memcpy(hello + HANDSHAKE, crowd->has_all ? "\0\0\0\1\x0e" : "\0\0\0\1\x0f\0\0\0\1\2", crowd->has_all ? 5 : 10);
  say(peer, hello, HANDSHAKE + (crowd->has_all ? 5 : 10));
  fcntl(peer->descriptor, F_SETFL, O_NONBLOCK);
  peer->is_choked = true;
  peer->next = (uint64_t)random() % (crowd->size / BLOCK) * BLOCK;
  peer->in_piece = (uint32_t)(peer->next % crowd->piece_length);
  return 0;
}

int64_t crowd_run(const struct crowd *crowd, uint64_t bytes) {
  struct peer *peers = calloc((size_t)crowd->peers, sizeof *peers);
  uint8_t *in = malloc(IN);
  int poll = epoll_create1(EPOLL_CLOEXEC), open = 0;
  int64_t result = 0;
  uint64_t moved = 0;
  for (; open < crowd->peers && result == 0; open++) {
    result = connect_peer(crowd, &peers[open], open);
    if (crowd->has_all) peers[open].queue = malloc(QUEUE * sizeof(struct request));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &peers[open]};
    epoll_ctl(poll, EPOLL_CTL_ADD, peers[open].descriptor, &event);
  }
  int left = open;
  while (result == 0 && left > 0 && moved < bytes) {
    struct epoll_event events[64];
    int count = epoll_wait(poll, events, 64, 20000);
    if (count == 0) result = -ETIMEDOUT;
    for (int i = 0; i < count; i++) {
      struct peer *peer = events[i].data.ptr;
      ssize_t got = recv(peer->descriptor, in, IN, 0);
      bool is_over = got == 0 || (got < 0 && errno != EAGAIN);
      if (got > 0) take(crowd, peer, in, (size_t)got, &moved);
      if (crowd->has_all) {
        is_over = is_over || serve(poll, crowd, peer, &moved) < 0;
      } else {
        ask(crowd, peer);
      }
      if (!is_over) continue;
      close(peer->descriptor);
      peer->descriptor = -1;
      left--;
    }
  }
  for (int i = 0; i < open; i++) {
    if (peers[i].descriptor >= 0) close(peers[i].descriptor);
    free(peers[i].queue);
  }
  close(poll);
  free(in);
  free(peers);
  return result < 0 ? result : (int64_t)moved;
}
