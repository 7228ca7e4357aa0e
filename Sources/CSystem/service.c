#define _GNU_SOURCE
#include "service.h"
#include <arpa/nameser.h>
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pwd.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <unistd.h>

int apus_become_user(const char *user) {
  struct passwd entry, *found = NULL;
  char text[8192];
  int code = getpwnam_r(user, &entry, text, sizeof text, &found);
  if (!found) {
    char *end;
    unsigned long number = strtoul(user, &end, 10);
    if (*user && !*end) code = getpwuid_r((uid_t)number, &entry, text, sizeof text, &found);
  }
  if (!found) {
    errno = code ? code : ENOENT;
    return -1;
  }
  if (getuid() == entry.pw_uid && geteuid() == entry.pw_uid) return 0;
  if (initgroups(entry.pw_name, entry.pw_gid) || setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid) ||
      setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid))
    return -1;
  // There must be no way back.
  if (entry.pw_uid && (!setuid(0) || !seteuid(0))) {
    errno = EPERM;
    return -1;
  }
  return 0;
}

int apus_notify_manager(const char *socket_name, const char *text) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(socket_name);
  if (length == 0 || length >= sizeof address.sun_path) {
    errno = EINVAL;
    return -1;
  }
  memcpy(address.sun_path, socket_name, length);
  if (address.sun_path[0] == '@') address.sun_path[0] = 0;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
  ssize_t count = sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address, size);
  int code = errno;
  close(fd);
  errno = code;
  return count < 0 ? -1 : 0;
}

uint64_t apus_raise_file_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit)) return 0;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
  }
  return (uint64_t)limit.rlim_cur;
}

int apus_clock_is_synchronised(void) {
  struct timex state = {0};
  if (adjtimex(&state) < 0) return -1;
  return state.status & STA_UNSYNC ? 0 : 1;
}

long apus_ask_for_texts(const char *host, uint8_t *answer, size_t size, int *cause) {
  struct __res_state state = {0};
  *cause = NO_RECOVERY;
  if (res_ninit(&state)) return -1;
  state.retry = 2;
  int length = res_nquery(&state, host, C_IN, T_TXT, answer, (int)size);
  *cause = h_errno;
  res_nclose(&state);
  return length < 0 ? -1 : (size_t)length > size ? (long)size : length;
}

int apus_can_listen(const uint8_t *address, size_t length, uint16_t port, int datagrams) {
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  int is_v4 = length == 4;
  if (is_v4) memcpy(&v4.sin_addr, address, 4);
  else memcpy(&v6.sin6_addr, address, 16);
  int fd = socket(is_v4 ? AF_INET : AF_INET6, (datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  int one = 1, code = 0;
  if (!is_v4) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  // As servers do, so that connections that have just ended do not count.
  if (!datagrams) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6, is_v4 ? sizeof v4 : sizeof v6) ||
      (!datagrams && listen(fd, 1)))
    code = errno;
  close(fd);
  return code;
}
