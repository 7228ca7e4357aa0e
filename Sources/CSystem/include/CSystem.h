// What glibc's Swift module leaves out: thin wrappers, so that Swift never sees _GNU_SOURCE.
#pragma once
#include "service.h"
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "exchange.h"

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
/// Bytes that a TCP socket was given and that the other side has not acknowledged; 0 if the system does not tell.
size_t apus_unacknowledged(int fd);
/// One datagram of a batch, in a buffer that all share.
struct apus_datagram {
  struct sockaddr_storage address;
  /// Where its bytes start in the buffer, and how many there are.
  uint32_t offset;
  uint32_t length;
  /// When sending: the bytes are several datagrams of this size, the last one perhaps shorter. 0: just one.
  uint32_t segment;
};
/// Datagrams that one call receives or sends at most.
#define APUS_DATAGRAMS 64
/// Receives up to `count` datagrams without blocking; datagram i goes to `buffer + i * size`. The number that
/// came, or -1 with errno. One that is longer than `size` comes with length 0.
int apus_receive_datagrams(int fd, struct apus_datagram *datagrams, int count, uint8_t *buffer, size_t size);
/// Sends up to `count` datagrams without blocking; the number that the system took, or -1 with errno if it
/// did not take the first.
int apus_send_datagrams(int fd, const struct apus_datagram *datagrams, int count, const uint8_t *buffer);
/// Has a datagram socket get what is sent to a multicast group, on the interface of that index, or that has the
/// address `local` if the index is 0 (IPv4 only); 0 or -1 with errno.
int apus_join_group(int fd, const struct sockaddr *group, const struct sockaddr *local, unsigned interface);
/// Has a datagram socket send to multicast groups through an interface, named as for apus_join_group, and over
/// so many hops; 0 or -1 with errno.
int apus_send_through(int fd, const struct sockaddr *local, unsigned interface, int hops);
/// Sends one datagram that must not be cut into fragments; 0, or -1 with errno, which is EMSGSIZE if it is larger
/// than the interface takes.
int apus_send_whole(int fd, const struct apus_datagram *datagram, const uint8_t *buffer);
/// Has datagrams cut into fragments where the path needs it, instead of being held back by what the system has
/// heard of the path.
void apus_allow_fragments(int fd, int family);
/// Has a socket use the interface of that name only; 0 or -1 with errno.
int apus_bind_device(int fd, const char *device);
/// A descriptor that becomes readable when interfaces or their addresses change, or -1.
int apus_watch_interfaces(void);
/// Reads, without waiting, all that there is, and forgets it.
void apus_drain(int fd);
/// The terminal's columns on a descriptor, or 0.
int apus_terminal_columns(int fd);
/// The terminal's rows on a descriptor, or 0.
int apus_terminal_rows(int fd);
/// Names the calling thread (at most 15 bytes count).
void apus_name_thread(const char *name);
/// What is behind a descriptor or a name.
struct apus_file_status {
  int64_t size;
  /// Time of the last change of the content, nanoseconds since 1970.
  int64_t modified;
  /// Bytes that are allocated on the disk.
  int64_t allocated;
  uint64_t device;
  uint64_t inode;
  uint64_t links;
  /// 1 regular file, 2 folder, 3 symbolic link, 0 anything else.
  int kind;
};
/// fstat; 0 or -1 with errno.
int apus_status(int fd, struct apus_file_status *status);
/// fstatat that does not follow a link at the end of `path`; 0 or -1 with errno.
int apus_status_at(int folder, const char *path, struct apus_file_status *status);
/// The first offset at or after `offset` that holds data; -1 with ENXIO if there is none.
off_t apus_next_data(int fd, off_t offset);
/// The first offset at or after `offset` that holds no data.
off_t apus_next_hole(int fd, off_t offset);
/// Asks the system to read the range ahead; a hint that cannot fail.
void apus_will_need(int fd, off_t offset, off_t length);
/// Asks the system to drop what it has of the file in memory and on the disk.
void apus_forget(int fd);
/// When the system started, nanoseconds since 1970 by its present clock; 0 if it does not say.
int64_t apus_start_of_system(void);
/// Has the heap keep to so few arenas (64 MiB of addresses each), whatever the number of threads. Early, once.
void apus_limit_heaps(int count);
/// Gives the holes of the heap back to the system. Milliseconds, with its locks held.
void apus_trim_heap(void);
/// Maps `size` bytes of zeroed memory of its own, in small pages; NULL if there is none.
void *apus_map(size_t size);
/// Makes a mapping larger or smaller, wherever it then lies, without copying what is in it; NULL, and the mapping
/// as it was, if there is no memory.
void *apus_remap(void *base, size_t size, size_t new_size);
/// Lets go of a mapping.
void apus_unmap(void *base, size_t size);
/// Gives the memory of whole pages back; they read as zeroes when used again (or as before, on macOS).
void apus_discard(void *base, size_t size);
/// Descriptors that go with one message at most.
#define APUS_DESCRIPTORS 250
/// A stream socket that listens at a path for this user alone; the descriptor, or -1 with errno.
int apus_listen_locally(const char *path);
/// A stream socket that is connected to one that listens at a path; the descriptor, or -1 with errno.
int apus_connect_locally(const char *path);
/// Whether who is at the other end of a local stream socket is our own user, or one of the two is the system's.
int apus_is_own_user(int fd);
/// Sends bytes with copies of descriptors; 0 or -1 with errno.
int apus_send_descriptors(int fd, const void *bytes, size_t length, const int *descriptors, int count);
/// Receives bytes and descriptors, as many as have come; the number of bytes, 0 at the end, -1 with errno.
ssize_t apus_receive_descriptors(int fd, void *bytes, size_t length, int *descriptors, int *count);
/// Gives up after so many milliseconds of waiting to receive or to send; 0 or -1 with errno.
int apus_set_patience(int fd, int milliseconds);
/// The type of a socket (SOCK_STREAM, …), or -1 if the descriptor is none. `listens`: whether it listens.
int apus_socket_type(int fd, int *listens);
/// Has a descriptor closed when another program is run; 0 or -1 with errno.
int apus_set_close_on_exec(int fd);
/// Has calls on a descriptor return at once; 0 or -1 with errno.
int apus_set_non_blocking(int fd);
/// A copy of a descriptor that is closed when another program is run; -1 with errno.
int apus_duplicate(int fd);
/// errno of the calling thread.
int apus_errno(void);
