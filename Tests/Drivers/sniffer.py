"""Watches all packets of a network namespace: sniffer.py ALLOWED

Prints `ready`, a line for each kind of packet that neither comes from nor goes to the address ALLOWED, or is a DNS
query whoever it is for, and once a second `total PACKETS FOREIGN DROPPED`. What the kernel says by itself about
neighbours does not count: ARP, and ICMPv6 about routers, neighbours and listeners.
"""

import socket
import struct
import sys
import time

ETH_P_ALL = 3
SOL_PACKET, PACKET_STATISTICS = 263, 6


def main():
    allowed = socket.inet_aton(sys.argv[1])
    sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    for option in (33, socket.SO_RCVBUF):  # SO_RCVBUFFORCE, where that is allowed
        try:
            sniffer.setsockopt(socket.SOL_SOCKET, option, 64 << 20)
            break
        except OSError:
            pass
    sniffer.settimeout(0.2)
    print("ready", flush=True)
    packets, foreign, dropped, seen = 0, 0, 0, set()
    told = time.monotonic()
    while True:
        try:
            data, source = sniffer.recvfrom(256)
            what = describe(data, source[1], allowed)
            packets += 1
            if what:
                foreign += 1
                if what not in seen:
                    seen.add(what)
                    print("foreign", source[0], what, flush=True)
        except TimeoutError:
            pass
        if time.monotonic() - told > 0.5:
            told = time.monotonic()
            dropped += struct.unpack("II", sniffer.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
            print("total", packets, foreign, dropped, flush=True)


def describe(data, protocol, allowed):
    """What is foreign about a packet, or nothing."""
    if protocol == 0x0806:  # ARP
        return None
    if protocol == 0x0800:
        header = (data[0] & 15) * 4
        kind, one, other = data[9], data[12:16], data[16:20]
        rest = data[header:]
        is_known = allowed in (one, other)
        ends = [socket.inet_ntoa(end) for end in (one, other)]
    elif protocol == 0x86DD:
        kind, rest, is_known = data[6], data[40:], False
        if kind == 0 and rest[0] == 58 or kind == 58:  # ICMPv6, perhaps behind a header of hops
            first = rest[8] if kind == 0 else rest[0]
            if first in (130, 131, 132, 133, 134, 135, 136, 143):
                return None
        ends = [socket.inet_ntop(socket.AF_INET6, end) for end in (data[8:24], data[24:40])]
    else:
        return f"protocol {protocol:#x}"
    ports = struct.unpack(">HH", rest[:4]) if kind in (6, 17) and len(rest) >= 4 else (0, 0)
    if is_known and 53 not in ports:
        return None
    return f"{ {6: 'tcp', 17: 'udp', 2: 'igmp'}.get(kind, kind) } {ends[0]} {ends[1]} {ports[1]}"


main()
