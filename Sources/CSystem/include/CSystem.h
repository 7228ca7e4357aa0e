// What glibc's Swift module leaves out: thin wrappers, so that Swift never sees _GNU_SOURCE.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/// accept4 with SOCK_NONBLOCK | SOCK_CLOEXEC.
int apus_accept(int listener, struct sockaddr *address, socklen_t *length);
/// socket with SOCK_NONBLOCK | SOCK_CLOEXEC.
int apus_socket(int family, int type);
ssize_t apus_preadv(int fd, const struct iovec *vectors, int count, off_t offset);
ssize_t apus_pwritev(int fd, const struct iovec *vectors, int count, off_t offset);
/// posix open with a mode, which is variadic in C.
int apus_open(const char *path, int flags, unsigned mode);
int apus_openat(int folder, const char *path, int flags, unsigned mode);
/// Sets a socket option of type int; 0 or -1 with errno.
int apus_set_option(int fd, int level, int name, int value);
/// recv or readv without blocking; the count, 0 at the end, or -1 with errno.
ssize_t apus_receive(int fd, const struct iovec *vectors, int count);
/// Gathered send that never raises SIGPIPE; the count or -1 with errno.
ssize_t apus_send(int fd, const struct iovec *vectors, int count);
/// The terminal's columns on a descriptor, or 0.
int apus_terminal_columns(int fd);
/// Names the calling thread (at most 15 bytes count).
void apus_name_thread(const char *name);
/// errno of the calling thread.
int apus_errno(void);
