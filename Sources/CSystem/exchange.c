#define _GNU_SOURCE
#include "exchange.h"
#include <errno.h>
#include <netinet/in.h>
#ifdef __linux__
#include <sched.h>
#include <sys/prctl.h>
#endif
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// The address of the machine that a datagram came to, as a control message, in and out.
#define CONTROL_SPACE 64

_Static_assert(sizeof(struct sockaddr_in6) <= sizeof(((struct apus_arrival *)0)->address), "room for addresses");

#ifdef __linux__
struct headers {
  struct mmsghdr in[APUS_EXCHANGE], out[APUS_EXCHANGE];
  struct iovec in_vectors[APUS_EXCHANGE], out_vectors[APUS_EXCHANGE];
  uint8_t controls[APUS_EXCHANGE][CONTROL_SPACE];
  int has_local;
  // Headers that the last call changed.
  int used;
};

static void reset(struct apus_exchange *exchange, struct headers *headers, int count) {
  for (int i = 0; i < count; i++) {
    struct msghdr *header = &headers->in[i].msg_hdr;
    header->msg_namelen = sizeof exchange->arrivals[i].address;
    header->msg_controllen = headers->has_local ? CONTROL_SPACE : 0;
  }
}

struct apus_exchange *apus_exchange_new(int has_local) {
  struct apus_exchange *exchange = calloc(1, sizeof *exchange);
  if (!exchange) return NULL;
  struct headers *headers = calloc(1, sizeof *headers);
  exchange->headers = headers;
  size_t size = (size_t)APUS_EXCHANGE * APUS_EXCHANGE_PLACE;
  exchange->requests = aligned_alloc(64, size);
  exchange->answers = aligned_alloc(64, size);
  if (!headers || !exchange->requests || !exchange->answers) {
    apus_exchange_free(exchange);
    return NULL;
  }
  headers->has_local = has_local;
  for (int i = 0; i < APUS_EXCHANGE; i++) {
    headers->in_vectors[i].iov_base = exchange->requests + (size_t)i * APUS_EXCHANGE_PLACE;
    headers->in_vectors[i].iov_len = APUS_EXCHANGE_PLACE;
    struct msghdr *header = &headers->in[i].msg_hdr;
    header->msg_iov = &headers->in_vectors[i];
    header->msg_iovlen = 1;
    header->msg_name = exchange->arrivals[i].address;
    header->msg_control = has_local ? headers->controls[i] : NULL;
    headers->out[i].msg_hdr.msg_iov = &headers->out_vectors[i];
    headers->out[i].msg_hdr.msg_iovlen = 1;
  }
  reset(exchange, headers, APUS_EXCHANGE);
  return exchange;
}

int apus_exchange_receive(int fd, struct apus_exchange *exchange) {
  struct headers *headers = exchange->headers;
  reset(exchange, headers, headers->used);
  headers->used = 0;
  int count;
  do {
    count = recvmmsg(fd, headers->in, APUS_EXCHANGE, MSG_DONTWAIT, NULL);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return -1;
  headers->used = count;
  for (int i = 0; i < count; i++) {
    int cut = headers->in[i].msg_hdr.msg_flags & MSG_TRUNC;
    exchange->arrivals[i].length = cut ? 0 : headers->in[i].msg_len;
    exchange->arrivals[i].answer = 0;
  }
  return count;
}

// Has what came to one of our addresses be answered from there, by whatever interface the routes say.
static void answer_from(struct msghdr *in, struct msghdr *out) {
  out->msg_control = NULL;
  out->msg_controllen = 0;
  struct cmsghdr *control = CMSG_FIRSTHDR(in);
  if (!control) return;
  if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
    struct in_pktinfo info;
    memcpy(&info, CMSG_DATA(control), sizeof info);
    info.ipi_ifindex = 0;
    memcpy(CMSG_DATA(control), &info, sizeof info);
  } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
    struct in6_pktinfo info;
    memcpy(&info, CMSG_DATA(control), sizeof info);
    if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) info.ipi6_ifindex = 0;
    memcpy(CMSG_DATA(control), &info, sizeof info);
  } else {
    return;
  }
  out->msg_control = control;
  out->msg_controllen = in->msg_controllen;
}

int apus_exchange_answer(int fd, struct apus_exchange *exchange, int count) {
  struct headers *headers = exchange->headers;
  int answers = 0, lost = 0;
  for (int i = 0; i < count; i++) {
    const struct apus_arrival *arrival = &exchange->arrivals[i];
    if (arrival->answer == 0) continue;
    struct msghdr *header = &headers->out[answers].msg_hdr;
    headers->out_vectors[answers].iov_base = exchange->answers + (size_t)i * APUS_EXCHANGE_PLACE;
    headers->out_vectors[answers].iov_len = arrival->answer;
    header->msg_name = (void *)arrival->address;
    header->msg_namelen = headers->in[i].msg_hdr.msg_namelen;
    if (headers->has_local) answer_from(&headers->in[i].msg_hdr, header);
    answers++;
  }
  for (int first = 0; first < answers;) {
    int sent = sendmmsg(fd, headers->out + first, answers - first, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      first += sent;
    } else if (sent < 0 && errno == EINTR) {
      continue;
    } else if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
      // No room for more: the clients will ask again.
      return lost + answers - first;
    } else {
      // This one cannot be sent to where it should go.
      lost++;
      first++;
    }
  }
  return lost;
}

int apus_exchange_send(int fd, struct apus_exchange *exchange, int count) {
  struct headers *headers = exchange->headers;
  int answers = 0;
  for (int i = 0; i < count; i++) {
    if (exchange->arrivals[i].answer == 0) continue;
    struct msghdr *header = &headers->out[answers].msg_hdr;
    headers->out_vectors[answers].iov_base = exchange->answers + (size_t)i * APUS_EXCHANGE_PLACE;
    headers->out_vectors[answers].iov_len = exchange->arrivals[i].answer;
    header->msg_name = NULL;
    header->msg_namelen = 0;
    answers++;
  }
  int first = 0;
  while (first < answers) {
    int sent = sendmmsg(fd, headers->out + first, answers - first, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) break;
    first += sent;
  }
  return first;
}

void apus_pause_exactly(void) { prctl(PR_SET_TIMERSLACK, 1); }

int apus_tell_local(int fd, int family) {
  int yes = 1;
  if (family == AF_INET) return setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &yes, sizeof yes);
  return setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &yes, sizeof yes);
}

int apus_processors(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  int count = CPU_COUNT(&set);
  return count > 0 ? count : 1;
}
#else
// One system call a datagram, answered from wherever the system likes.
struct apus_exchange *apus_exchange_new(int has_local) {
  (void)has_local;
  struct apus_exchange *exchange = calloc(1, sizeof *exchange);
  if (!exchange) return NULL;
  exchange->requests = calloc(APUS_EXCHANGE, APUS_EXCHANGE_PLACE);
  exchange->answers = calloc(APUS_EXCHANGE, APUS_EXCHANGE_PLACE);
  if (exchange->requests && exchange->answers) return exchange;
  apus_exchange_free(exchange);
  return NULL;
}

int apus_exchange_receive(int fd, struct apus_exchange *exchange) {
  int count = 0;
  while (count < APUS_EXCHANGE) {
    socklen_t size = sizeof exchange->arrivals[count].address;
    ssize_t length = recvfrom(fd, exchange->requests + (size_t)count * APUS_EXCHANGE_PLACE, APUS_EXCHANGE_PLACE,
                              MSG_DONTWAIT, (struct sockaddr *)exchange->arrivals[count].address, &size);
    if (length < 0 && errno == EINTR) continue;
    if (length < 0) return count > 0 ? count : -1;
    exchange->arrivals[count].length = length == APUS_EXCHANGE_PLACE ? 0 : (uint32_t)length;
    exchange->arrivals[count].answer = 0;
    count++;
  }
  return count;
}

int apus_exchange_answer(int fd, struct apus_exchange *exchange, int count) {
  int lost = 0;
  for (int i = 0; i < count; i++) {
    struct apus_arrival *arrival = &exchange->arrivals[i];
    if (arrival->answer == 0) continue;
    int is_v4 = ((struct sockaddr *)arrival->address)->sa_family == AF_INET;
    socklen_t size = is_v4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    if (sendto(fd, exchange->answers + (size_t)i * APUS_EXCHANGE_PLACE, arrival->answer, MSG_DONTWAIT,
               (struct sockaddr *)arrival->address, size) < 0)
      lost++;
  }
  return lost;
}

int apus_exchange_send(int fd, struct apus_exchange *exchange, int count) {
  int sent = 0;
  for (int i = 0; i < count; i++) {
    if (exchange->arrivals[i].answer == 0) continue;
    if (send(fd, exchange->answers + (size_t)i * APUS_EXCHANGE_PLACE, exchange->arrivals[i].answer, MSG_DONTWAIT) >= 0)
      sent++;
  }
  return sent;
}

void apus_pause_exactly(void) {}

int apus_tell_local(int fd, int family) {
  (void)fd;
  (void)family;
  return 0;
}

int apus_processors(void) {
  long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? (int)count : 1;
}
#endif

void apus_exchange_free(struct apus_exchange *exchange) {
  if (!exchange) return;
  free(exchange->requests);
  free(exchange->answers);
  free(exchange->headers);
  free(exchange);
}

void apus_pause(uint32_t nanoseconds) {
  struct timespec time = {.tv_nsec = nanoseconds};
  nanosleep(&time, NULL);
}
