#define _GNU_SOURCE
#include "CSystem.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
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

int apus_terminal_columns(int fd) {
  struct winsize size;
  memset(&size, 0, sizeof size);
  return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
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
