#define _GNU_SOURCE
#include "CSystem.h"
#include <errno.h>
#include <fcntl.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#ifdef __linux__
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#endif
#include <netinet/in.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <string.h>
#ifdef __linux__
#include <linux/sockios.h>
#endif
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int apus_accept(int listener, struct sockaddr *address, socklen_t *length) {
#ifdef __linux__
  return accept4(listener, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
  int fd = accept(listener, address, length);
  if (fd >= 0) {
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  return fd;
#endif
}

int apus_socket(int family, int type) {
#ifdef __linux__
  return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
#else
  int fd = socket(family, type, 0);
  if (fd >= 0) {
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  return fd;
#endif
}

ssize_t apus_preadv(int fd, const struct iovec *vectors, int count, off_t offset) {
  return preadv(fd, vectors, count, offset);
}

ssize_t apus_pwritev(int fd, const struct iovec *vectors, int count, off_t offset) {
  return pwritev(fd, vectors, count, offset);
}

int apus_open(const char *path, int flags, unsigned mode) { return open(path, flags | O_CLOEXEC, mode); }

int apus_openat(int folder, const char *path, int flags, unsigned mode) {
  return openat(folder, path, flags | O_CLOEXEC, mode);
}

int apus_set_option(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value);
}

ssize_t apus_receive(int fd, const struct iovec *vectors, int count) {
  ssize_t result;
  do {
    result = readv(fd, vectors, count);
  } while (result < 0 && errno == EINTR);
  return result;
}

size_t apus_unacknowledged(int fd) {
  int bytes = 0;
#ifdef __linux__
  int result = ioctl(fd, SIOCOUTQ, &bytes);
#else
  socklen_t size = sizeof bytes;
  int result = getsockopt(fd, SOL_SOCKET, SO_NWRITE, &bytes, &size);
#endif
  return result == 0 && bytes > 0 ? (size_t)bytes : 0;
}

ssize_t apus_send(int fd, const struct iovec *vectors, int count) {
  struct msghdr message;
  memset(&message, 0, sizeof message);
  message.msg_iov = (struct iovec *)vectors;
  message.msg_iovlen = count;
  ssize_t result;
  do {
    result = sendmsg(fd, &message, MSG_NOSIGNAL);
  } while (result < 0 && errno == EINTR);
  return result;
}

static socklen_t length_of(const struct sockaddr_storage *address) {
  return address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

#ifdef __linux__
int apus_receive_datagrams(int fd, struct apus_datagram *datagrams, int count, uint8_t *buffer, size_t size) {
  struct mmsghdr messages[APUS_DATAGRAMS];
  struct iovec vectors[APUS_DATAGRAMS];
  if (count > APUS_DATAGRAMS) count = APUS_DATAGRAMS;
  memset(messages, 0, sizeof messages[0] * count);
  for (int i = 0; i < count; i++) {
    vectors[i].iov_base = buffer + i * size;
    vectors[i].iov_len = size;
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_name = &datagrams[i].address;
    messages[i].msg_hdr.msg_namelen = sizeof datagrams[i].address;
  }
  int result;
  do {
    result = recvmmsg(fd, messages, count, MSG_DONTWAIT, NULL);
  } while (result < 0 && errno == EINTR);
  for (int i = 0; i < result; i++) {
    datagrams[i].offset = i * size;
    datagrams[i].length = messages[i].msg_hdr.msg_flags & MSG_TRUNC ? 0 : messages[i].msg_len;
  }
  return result;
}

int apus_send_datagrams(int fd, const struct apus_datagram *datagrams, int count, const uint8_t *buffer) {
  struct mmsghdr messages[APUS_DATAGRAMS];
  struct iovec vectors[APUS_DATAGRAMS];
  union {
    char bytes[CMSG_SPACE(sizeof(uint16_t))];
    struct cmsghdr header;
  } controls[APUS_DATAGRAMS];
  if (count > APUS_DATAGRAMS) count = APUS_DATAGRAMS;
  memset(messages, 0, sizeof messages[0] * count);
  for (int i = 0; i < count; i++) {
    struct msghdr *message = &messages[i].msg_hdr;
    vectors[i].iov_base = (void *)(buffer + datagrams[i].offset);
    vectors[i].iov_len = datagrams[i].length;
    message->msg_iov = &vectors[i];
    message->msg_iovlen = 1;
    message->msg_name = (void *)&datagrams[i].address;
    message->msg_namelen = length_of(&datagrams[i].address);
    if (datagrams[i].segment == 0) continue;
    uint16_t size = datagrams[i].segment;
    memset(&controls[i], 0, sizeof controls[i]);
    message->msg_control = controls[i].bytes;
    message->msg_controllen = sizeof controls[i].bytes;
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    control->cmsg_level = IPPROTO_UDP;
    control->cmsg_type = UDP_SEGMENT;
    control->cmsg_len = CMSG_LEN(sizeof size);
    memcpy(CMSG_DATA(control), &size, sizeof size);
  }
  int result;
  do {
    result = sendmmsg(fd, messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);
  } while (result < 0 && errno == EINTR);
  return result;
}

static void set_discovery(int fd, int family, int v4, int v6) {
  if (family == AF_INET) setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &v4, sizeof v4);
  else setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &v6, sizeof v6);
}

void apus_allow_fragments(int fd, int family) { set_discovery(fd, family, IP_PMTUDISC_DONT, IPV6_PMTUDISC_DONT); }

int apus_send_whole(int fd, const struct apus_datagram *datagram, const uint8_t *buffer) {
  int family = datagram->address.ss_family;
  set_discovery(fd, family, IP_PMTUDISC_PROBE, IPV6_PMTUDISC_PROBE);
  ssize_t result;
  do {
    result = sendto(fd, buffer + datagram->offset, datagram->length, MSG_DONTWAIT | MSG_NOSIGNAL,
                    (const struct sockaddr *)&datagram->address, length_of(&datagram->address));
  } while (result < 0 && errno == EINTR);
  int error = errno;
  apus_allow_fragments(fd, family);
  errno = error;
  return result < 0 ? -1 : 0;
}
#else
int apus_receive_datagrams(int fd, struct apus_datagram *datagrams, int count, uint8_t *buffer, size_t size) {
  int done = 0;
  while (done < count) {
    struct iovec vector = {.iov_base = buffer + done * size, .iov_len = size};
    struct msghdr message = {
        .msg_name = &datagrams[done].address,
        .msg_namelen = sizeof datagrams[done].address,
        .msg_iov = &vector,
        .msg_iovlen = 1,
    };
    ssize_t result = recvmsg(fd, &message, MSG_DONTWAIT);
    if (result < 0 && errno == EINTR) continue;
    if (result < 0) return done > 0 ? done : -1;
    datagrams[done].offset = done * size;
    datagrams[done].length = message.msg_flags & MSG_TRUNC ? 0 : (uint32_t)result;
    done++;
  }
  return done;
}

int apus_send_datagrams(int fd, const struct apus_datagram *datagrams, int count, const uint8_t *buffer) {
  int done = 0;
  while (done < count) {
    const struct apus_datagram *datagram = &datagrams[done];
    // One system call each, several for what is to be cut up; what fails in the middle is lost.
    size_t segment = datagram->segment ? datagram->segment : datagram->length;
    for (size_t sent = 0; sent < datagram->length; sent += segment) {
      size_t length = datagram->length - sent < segment ? datagram->length - sent : segment;
      ssize_t result = sendto(fd, buffer + datagram->offset + sent, length, MSG_DONTWAIT,
                              (const struct sockaddr *)&datagram->address, length_of(&datagram->address));
      if (result < 0 && errno != EINTR && sent == 0) return done > 0 ? done : -1;
    }
    done++;
  }
  return done;
}

void apus_allow_fragments(int fd, int family) {
  (void)fd;
  (void)family;
}

int apus_send_whole(int fd, const struct apus_datagram *datagram, const uint8_t *buffer) {
  return apus_send_datagrams(fd, datagram, 1, buffer) == 1 ? 0 : -1;
}
#endif

int apus_join_group(int fd, const struct sockaddr *group, const struct sockaddr *local, unsigned interface) {
  if (group->sa_family == AF_INET6) {
    struct ipv6_mreq request;
    memset(&request, 0, sizeof request);
    request.ipv6mr_multiaddr = ((const struct sockaddr_in6 *)group)->sin6_addr;
    request.ipv6mr_interface = interface;
    return setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request);
  }
  struct ip_mreqn request;
  memset(&request, 0, sizeof request);
  request.imr_multiaddr = ((const struct sockaddr_in *)group)->sin_addr;
  request.imr_address = ((const struct sockaddr_in *)local)->sin_addr;
  request.imr_ifindex = interface;
  return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request);
}

int apus_send_through(int fd, const struct sockaddr *local, unsigned interface, int hops) {
  if (local->sa_family == AF_INET6) {
    int index = interface;
    if (setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index) != 0) return -1;
    return setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops);
  }
  struct ip_mreqn request;
  memset(&request, 0, sizeof request);
  request.imr_address = ((const struct sockaddr_in *)local)->sin_addr;
  request.imr_ifindex = interface;
  if (setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request) != 0) return -1;
  unsigned char ttl = hops;
  return setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof ttl);
}

int apus_terminal_columns(int fd) {
  struct winsize size;
  memset(&size, 0, sizeof size);
  return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

int apus_terminal_rows(int fd) {
  struct winsize size;
  memset(&size, 0, sizeof size);
  return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

void apus_name_thread(const char *name) {
  char cut[16];
  strncpy(cut, name, sizeof cut - 1);
  cut[sizeof cut - 1] = 0;
#ifdef __linux__
  pthread_setname_np(pthread_self(), cut);
#else
  pthread_setname_np(cut);
#endif
}

int apus_errno(void) { return errno; }

static int translate(const struct stat *from, struct apus_file_status *to) {
#ifdef __linux__
  struct timespec time = from->st_mtim;
#else
  struct timespec time = from->st_mtimespec;
#endif
  to->size = from->st_size;
  to->modified = (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
  to->allocated = (int64_t)from->st_blocks * 512;
  to->device = from->st_dev;
  to->inode = from->st_ino;
  to->links = from->st_nlink;
  to->kind = S_ISREG(from->st_mode) ? 1 : S_ISDIR(from->st_mode) ? 2 : S_ISLNK(from->st_mode) ? 3 : 0;
  return 0;
}

int apus_status(int fd, struct apus_file_status *status) {
  struct stat found;
  return fstat(fd, &found) == 0 ? translate(&found, status) : -1;
}

int apus_status_at(int folder, const char *path, struct apus_file_status *status) {
  struct stat found;
  return fstatat(folder, path, &found, AT_SYMLINK_NOFOLLOW) == 0 ? translate(&found, status) : -1;
}

off_t apus_next_data(int fd, off_t offset) { return lseek(fd, offset, SEEK_DATA); }

off_t apus_next_hole(int fd, off_t offset) { return lseek(fd, offset, SEEK_HOLE); }

void apus_will_need(int fd, off_t offset, off_t length) {
#ifdef __linux__
  posix_fadvise(fd, offset, length, POSIX_FADV_WILLNEED);
#endif
}

void apus_forget(int fd) {
#ifdef __linux__
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
#endif
}

int64_t apus_start_of_system(void) {
#ifdef __linux__
  struct timespec wall, up;
  if (clock_gettime(CLOCK_REALTIME, &wall) != 0 || clock_gettime(CLOCK_BOOTTIME, &up) != 0) return 0;
  return ((int64_t)wall.tv_sec - up.tv_sec) * 1000000000 + wall.tv_nsec - up.tv_nsec;
#else
  return 0;
#endif
}

void apus_limit_heaps(int count) {
#ifdef __GLIBC__
  mallopt(M_ARENA_MAX, count);
#else
  (void)count;
#endif
}

void apus_trim_heap(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

int apus_bind_device(int fd, const char *device) {
#ifdef __linux__
  return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device));
#else
  (void)fd;
  (void)device;
  errno = EPERM;
  return -1;
#endif
}

int apus_watch_interfaces(void) {
#ifdef __linux__
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return -1;
  struct sockaddr_nl address;
  memset(&address, 0, sizeof address);
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  close(fd);
#endif
  return -1;
}

void apus_drain(int fd) {
  char bytes[4096];
  while (recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
  }
}

void *apus_map(size_t size) {
  void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return NULL;
#ifdef MADV_NOHUGEPAGE
  // A huge page would count 2 MiB for the first byte that is used.
  madvise(base, size, MADV_NOHUGEPAGE);
#endif
  return base;
}

void *apus_remap(void *base, size_t size, size_t new_size) {
#ifdef __linux__
  void *moved = mremap(base, size, new_size, MREMAP_MAYMOVE);
  return moved == MAP_FAILED ? NULL : moved;
#else
  void *moved = apus_map(new_size);
  if (moved == NULL) return NULL;
  memcpy(moved, base, size < new_size ? size : new_size);
  munmap(base, size);
  return moved;
#endif
}

void apus_unmap(void *base, size_t size) { munmap(base, size); }

void apus_discard(void *base, size_t size) {
#ifdef __linux__
  madvise(base, size, MADV_DONTNEED);
#else
  madvise(base, size, MADV_FREE);
#endif
}

static int local_address(struct sockaddr_un *address, const char *path) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (strlen(path) >= sizeof address->sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  strcpy(address->sun_path, path);
  return 0;
}

static int local_socket(void) {
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd >= 0) fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
}

static int close_failed(int fd) {
  int code = errno;
  close(fd);
  errno = code;
  return -1;
}

int apus_listen_locally(const char *path) {
  struct sockaddr_un address;
  if (local_address(&address, path) < 0) return -1;
  int fd = local_socket();
  if (fd < 0) return -1;
  // The mode of the socket file counts from when it is made.
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || chmod(path, 0600) < 0 || listen(fd, 4) < 0)
    return close_failed(fd);
  return fd;
}

int apus_connect_locally(const char *path) {
  struct sockaddr_un address;
  if (local_address(&address, path) < 0) return -1;
  int fd = local_socket();
  if (fd < 0) return -1;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) return close_failed(fd);
  return fd;
}

int apus_is_own_user(int fd) {
#ifdef __linux__
  struct ucred other;
  socklen_t length = sizeof other;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &other, &length) < 0) return 0;
  return other.uid == geteuid() || other.uid == 0 || geteuid() == 0;
#else
  uid_t user;
  gid_t group;
  if (getpeereid(fd, &user, &group) < 0) return 0;
  return user == geteuid() || user == 0 || geteuid() == 0;
#endif
}

union descriptor_control {
  char bytes[CMSG_SPACE(sizeof(int) * APUS_DESCRIPTORS)];
  struct cmsghdr header;
};

int apus_send_descriptors(int fd, const void *bytes, size_t length, const int *descriptors, int count) {
  if (count < 0 || count > APUS_DESCRIPTORS) {
    errno = EINVAL;
    return -1;
  }
  union descriptor_control control;
  size_t done = 0;
  while (done < length) {
    struct iovec vector = {(char *)bytes + done, length - done};
    struct msghdr message;
    memset(&message, 0, sizeof message);
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    if (done == 0 && count > 0) {
      memset(&control, 0, sizeof control);
      message.msg_control = control.bytes;
      message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
      struct cmsghdr *header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int) * count);
      memcpy(CMSG_DATA(header), descriptors, sizeof(int) * count);
    }
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return -1;
    done += sent;
  }
  return 0;
}

ssize_t apus_receive_descriptors(int fd, void *bytes, size_t length, int *descriptors, int *count) {
  union descriptor_control control;
  struct iovec vector = {bytes, length};
  struct msghdr message;
  memset(&message, 0, sizeof message);
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  *count = 0;
  ssize_t result;
#ifdef MSG_CMSG_CLOEXEC
  int flags = MSG_CMSG_CLOEXEC;
#else
  int flags = 0;
#endif
  do {
    result = recvmsg(fd, &message, flags);
  } while (result < 0 && errno == EINTR);
  if (result < 0) return result;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    int came = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (int i = 0; i < came; i++) {
      int descriptor;
      memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof descriptor);
      fcntl(descriptor, F_SETFD, FD_CLOEXEC);
      if (*count < APUS_DESCRIPTORS) descriptors[(*count)++] = descriptor;
      else close(descriptor);
    }
  }
  return result;
}

int apus_set_patience(int fd, int milliseconds) {
  struct timeval time = {milliseconds / 1000, milliseconds % 1000 * 1000};
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) < 0) return -1;
  return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

int apus_socket_type(int fd, int *listens) {
  int type = -1;
  socklen_t length = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0) return -1;
  length = sizeof *listens;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, listens, &length) < 0) *listens = 0;
  return type;
}

int apus_duplicate(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 0); }

int apus_set_close_on_exec(int fd) { return fcntl(fd, F_SETFD, FD_CLOEXEC); }

int apus_set_non_blocking(int fd) { return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }
