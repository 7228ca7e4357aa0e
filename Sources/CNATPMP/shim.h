// libnatpmp, with one blocking call for each exchange.
#pragma once
#include <arpa/inet.h>
#include <natpmp.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

/// Begins to talk to the router, at an address (network byte order), or at the default gateway if that is 0. Null if
/// there is none.
static inline natpmp_t *apus_natpmp_open(uint32_t gateway) {
  natpmp_t *open = calloc(1, sizeof *open);
  if (!open) return NULL;
  if (initnatpmp(open, gateway != 0, gateway) == 0) return open;
  free(open);
  return NULL;
}

static inline void apus_natpmp_free(natpmp_t *open) {
  closenatpmp(open);
  free(open);
}

/// Waits for the answer to what was asked, asking again as the protocol says, for so long; 0 or an error.
static inline int apus_natpmp_wait(natpmp_t *open, natpmpresp_t *answer, int milliseconds) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  long long end = now.tv_sec * 1000LL + now.tv_nsec / 1000000 + milliseconds;
  for (;;) {
    struct timeval next = {0, 0};
    getnatpmprequesttimeout(open, &next);
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long left = end - (now.tv_sec * 1000LL + now.tv_nsec / 1000000);
    if (left <= 0) return NATPMP_ERR_NOGATEWAYSUPPORT;
    long long wait = next.tv_sec < 0 ? 0 : next.tv_sec * 1000LL + next.tv_usec / 1000 + 1;
    struct pollfd watched = {open->s, POLLIN, 0};
    poll(&watched, 1, (int)(wait < left ? wait : left));
    int result = readnatpmpresponseorretry(open, answer);
    if (result != NATPMP_TRYAGAIN) return result;
  }
}

/// Asks for the router's address as others see it (network byte order); 0 or an error.
static inline int apus_natpmp_address(natpmp_t *open, uint32_t *address, int milliseconds) {
  natpmpresp_t answer;
  int result = sendpublicaddressrequest(open);
  if (result < 0) return result;
  result = apus_natpmp_wait(open, &answer, milliseconds);
  if (result == 0 && answer.type != NATPMP_RESPTYPE_PUBLICADDRESS) result = NATPMP_ERR_UNDEFINEDERROR;
  if (result == 0) *address = answer.pnu.publicaddress.addr.s_addr;
  return result;
}

/// Maps a port for so long, or ends a mapping if that is 0; what was given, and 0 or an error.
static inline int apus_natpmp_map(
    natpmp_t *open, int is_tcp, uint16_t internal, uint16_t *external, uint32_t *seconds, int milliseconds) {
  natpmpresp_t answer;
  int result = sendnewportmappingrequest(
      open, is_tcp ? NATPMP_PROTOCOL_TCP : NATPMP_PROTOCOL_UDP, internal, *external, *seconds);
  if (result < 0) return result;
  result = apus_natpmp_wait(open, &answer, milliseconds);
  if (result != 0) return result;
  if (answer.type != (is_tcp ? NATPMP_RESPTYPE_TCPPORTMAPPING : NATPMP_RESPTYPE_UDPPORTMAPPING)
      || answer.pnu.newportmapping.privateport != internal)
    return NATPMP_ERR_UNDEFINEDERROR;
  *external = answer.pnu.newportmapping.mappedpublicport;
  *seconds = answer.pnu.newportmapping.lifetime;
  return 0;
}
