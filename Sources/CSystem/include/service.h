// What a service needs of the system.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Becomes the user of that name or number for good, with the groups of it. 0, or -1 with errno: ENOENT if there is
/// no such user, EPERM if this process may not or could go back.
int apus_become_user(const char *user);
/// Sends a text to the socket that a service manager listens on (a path, or a name that starts with `@`); 0 or -1
/// with errno.
int apus_notify_manager(const char *socket, const char *text);
/// Allows as many open files as the system lets this process have; how many that are.
uint64_t apus_raise_file_limit(void);
/// Whether the system's clock is kept in step with others: 1, 0, or -1 with errno.
int apus_clock_is_synchronised(void);
/// Asks the name servers for the TXT records of a host; the bytes of their answer (RFC 1035), or -1 with `*cause` of
/// `h_errno`: 1 no such host, 2 no answer, 4 no such record.
long apus_ask_for_texts(const char *host, uint8_t *answer, size_t size, int *cause);
/// Whether an address of four or 16 bytes and a port can be listened on, for connections or datagrams: 0, or the
/// number of the error.
int apus_can_listen(const uint8_t *address, size_t length, uint16_t port, int datagrams);
