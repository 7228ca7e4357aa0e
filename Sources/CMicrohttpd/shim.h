// libmicrohttpd, and typed forms of its variadic functions, which Swift does not import.
#pragma once
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

struct apus_mhd_options {
  unsigned threads;
  unsigned connections;
  unsigned connections_per_address;
  unsigned idle_seconds;
  size_t connection_memory;
  MHD_AccessHandlerCallback handler;
  void *(*begin)(void *context, const char *target, struct MHD_Connection *connection);
  MHD_RequestCompletedCallback end;
  MHD_NotifyConnectionCallback connection;
  void *context;
  /// Key and certificates as PEM for TLS, else null.
  const char *tls_key;
  const char *tls_certificates;
};

/// Listens on an address of 4 or 16 bytes, or, with a length of 0, only serves the connections that it is given;
/// null with errno set if that fails.
static inline struct MHD_Daemon *apus_mhd_start(
    const uint8_t *address, size_t length, uint16_t port, const struct apus_mhd_options *options) {
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  memset(&v4, 0, sizeof v4);
  memset(&v6, 0, sizeof v6);
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_TURBO;
  if (length == 0) {
    // Such a daemon cannot have a pool.
    flags |= MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC;
  } else if (length == 16) {
    memcpy(&v6.sin6_addr, address, 16);
    flags |= MHD_USE_IPv6;
  } else {
    memcpy(&v4.sin_addr, address, 4);
  }
  struct MHD_OptionItem tls[] = {
      {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)options->tls_key},
      {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)options->tls_certificates},
      {MHD_OPTION_END, 0, NULL},
  };
  struct MHD_OptionItem pool[] = {
      {MHD_OPTION_SOCK_ADDR, 0, NULL},
      {MHD_OPTION_THREAD_POOL_SIZE, options->threads, NULL},
      {MHD_OPTION_END, 0, NULL},
  };
  struct MHD_OptionItem none = {MHD_OPTION_END, 0, NULL};
  if (options->tls_key) flags |= MHD_USE_TLS;
  const struct sockaddr *bound = length == 16 ? (const struct sockaddr *)&v6 : (const struct sockaddr *)&v4;
  pool[0].ptr_value = (void *)bound;
  errno = 0;
  return MHD_start_daemon(
      flags, port, NULL, NULL, options->handler, options->context,
      MHD_OPTION_ARRAY, length ? pool : &none,
      MHD_OPTION_ARRAY, options->tls_key ? tls : &none,
      MHD_OPTION_STRICT_FOR_CLIENT, 1,
      MHD_OPTION_CONNECTION_LIMIT, options->connections,
      MHD_OPTION_PER_IP_CONNECTION_LIMIT, options->connections_per_address,
      MHD_OPTION_CONNECTION_TIMEOUT, options->idle_seconds,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, options->connection_memory,
      MHD_OPTION_URI_LOG_CALLBACK, options->begin, options->context,
      MHD_OPTION_NOTIFY_COMPLETED, options->end, options->context,
      MHD_OPTION_NOTIFY_CONNECTION, options->connection, options->context,
      MHD_OPTION_END);
}

/// Enumerators that Swift would know by other names.
static const enum MHD_Result apus_mhd_no = MHD_NO;
static const enum MHD_Result apus_mhd_yes = MHD_YES;

static inline int apus_mhd_is_start(enum MHD_ConnectionNotificationCode code) {
  return code == MHD_CONNECTION_NOTIFY_STARTED;
}

/// Has a daemon serve, and in the end close, a connection of a client with an address of 4 or 16 bytes; 0 if it
/// cannot, the descriptor is closed then as well.
static inline int apus_mhd_adopt(
    struct MHD_Daemon *daemon, int descriptor, const uint8_t *address, size_t length, uint16_t port) {
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  memset(&v4, 0, sizeof v4);
  memset(&v6, 0, sizeof v6);
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  if (length == 16) {
    memcpy(&v6.sin6_addr, address, 16);
    return MHD_add_connection(daemon, descriptor, (struct sockaddr *)&v6, sizeof v6) == MHD_YES;
  }
  memcpy(&v4.sin_addr, address, 4);
  return MHD_add_connection(daemon, descriptor, (struct sockaddr *)&v4, sizeof v4) == MHD_YES;
}

static inline unsigned apus_mhd_connections(struct MHD_Daemon *daemon) {
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
  return info ? info->num_connections : 0;
}

struct apus_mhd_values {
  const char *name;
  char *text;
  size_t count;
  size_t capacity;
  int found;
};

static inline enum MHD_Result apus_mhd_add_value(
    void *context, enum MHD_ValueKind kind, const char *name, const char *value) {
  struct apus_mhd_values *values = (struct apus_mhd_values *)context;
  (void)kind;
  if (strcasecmp(name, values->name) != 0) return MHD_YES;
  const char *separator = values->found ? ", " : "";
  const char *parts[] = {separator, value ? value : ""};
  for (int i = 0; i < 2; i++) {
    size_t length = strlen(parts[i]);
    if (length > values->capacity - values->count) length = values->capacity - values->count;
    memcpy(values->text + values->count, parts[i], length);
    values->count += length;
  }
  values->found = 1;
  return MHD_YES;
}

/// Writes the values of all fields of that name, joined by commas, and returns their length; -1 if there is none.
static inline ssize_t apus_mhd_header(
    struct MHD_Connection *connection, const char *name, char *text, size_t capacity) {
  struct apus_mhd_values values = {name, text, 0, capacity, 0};
  MHD_get_connection_values(connection, MHD_HEADER_KIND, apus_mhd_add_value, &values);
  return values.found ? (ssize_t)values.count : -1;
}

/// A response with a copy of `bytes`.
static inline struct MHD_Response *apus_mhd_response(const uint8_t *bytes, size_t count) {
  return MHD_create_response_from_buffer(count, (void *)bytes, MHD_RESPMEM_MUST_COPY);
}

static inline int apus_mhd_errno(void) { return errno; }

static inline uint16_t apus_mhd_port(struct MHD_Daemon *daemon) {
  const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
  return info ? info->port : 0;
}

static inline int apus_mhd_descriptor(struct MHD_Connection *connection) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
  return info ? info->connect_fd : -1;
}

/// Writes the client's address and port in compact form (at most 18 bytes); returns their number.
static inline size_t apus_mhd_client(struct MHD_Connection *connection, uint8_t *compact) {
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  if (!info || !info->client_addr) return 0;
  if (info->client_addr->sa_family == AF_INET6) {
    const struct sockaddr_in6 *address = (const struct sockaddr_in6 *)info->client_addr;
    memcpy(compact, &address->sin6_addr, 16);
    memcpy(compact + 16, &address->sin6_port, 2);
    return 18;
  }
  const struct sockaddr_in *address = (const struct sockaddr_in *)info->client_addr;
  memcpy(compact, &address->sin_addr, 4);
  memcpy(compact + 4, &address->sin_port, 2);
  return 6;
}
