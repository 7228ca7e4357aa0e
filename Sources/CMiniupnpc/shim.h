// miniupnpc, with what it keeps in large structures behind one pointer.
#pragma once
#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpcommands.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct apus_upnp {
  struct UPNPUrls urls;
  struct IGDdatas data;
  /// Our address on the router's network.
  char local[64];
};

/// Finds a router: by its description's URL, or, without one, by asking the network of the address `from`, or the
/// usual one. Waits up to `milliseconds` for answers. Null if there is none.
static inline struct apus_upnp *apus_upnp_find(const char *url, const char *from, int milliseconds) {
  struct apus_upnp *found = calloc(1, sizeof *found);
  if (!found) return NULL;
  int result = 0;
  if (url) {
    result = UPNP_GetIGDFromUrl(url, &found->urls, &found->data, found->local, sizeof found->local);
  } else {
    int error = 0;
    struct UPNPDev *devices = upnpDiscover(milliseconds, from, NULL, UPNP_LOCAL_PORT_ANY, 0, 2, &error);
    if (devices) {
      result = UPNP_GetValidIGD(devices, &found->urls, &found->data, found->local, sizeof found->local);
      freeUPNPDevlist(devices);
      // 3 is a device of another kind.
      if (result == 3) FreeUPNPUrls(&found->urls);
      if (result > 2) result = 0;
    }
  }
  if (result == 0) {
    free(found);
    return NULL;
  }
  return found;
}

static inline void apus_upnp_free(struct apus_upnp *found) {
  FreeUPNPUrls(&found->urls);
  free(found);
}

/// Maps a port; 0, or UPnP's error.
static inline int apus_upnp_map(
    struct apus_upnp *found, int external, int internal, const char *client, int is_tcp, unsigned seconds) {
  char from[8], to[8], lease[16];
  snprintf(from, sizeof from, "%d", external);
  snprintf(to, sizeof to, "%d", internal);
  snprintf(lease, sizeof lease, "%u", seconds);
  return UPNP_AddPortMapping(
      found->urls.controlURL, found->data.first.servicetype, from, to, client ? client : found->local, "Apus",
      is_tcp ? "TCP" : "UDP", NULL, lease);
}

static inline int apus_upnp_unmap(struct apus_upnp *found, int external, int is_tcp) {
  char from[8];
  snprintf(from, sizeof from, "%d", external);
  return UPNP_DeletePortMapping(
      found->urls.controlURL, found->data.first.servicetype, from, is_tcp ? "TCP" : "UDP", NULL);
}

/// Writes the router's address as others see it, at most 63 bytes; 0 if it tells.
static inline int apus_upnp_address(struct apus_upnp *found, char *text) {
  text[0] = 0;
  return UPNP_GetExternalIPAddress(found->urls.controlURL, found->data.first.servicetype, text);
}
