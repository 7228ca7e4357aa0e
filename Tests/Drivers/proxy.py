"""A proxy for the tests: SOCKS 5 with TCP and UDP, or HTTP with CONNECT and plain GET.

    proxy.py socks5|http IP:PORT [--login USER:PASSWORD] [--no-udp] [--slow BYTES] [--from IP] [--hostile MODE]

Prints one line for each thing that it does: `ready`, `connect HOST PORT`, `associate`, `datagram HOST PORT` (once a
host and association), `refused`. `--slow` limits each tunnel to so many bytes a second; `--from` is its address to the world. `--hostile` lies: `silent`
says nothing; `cut` hangs up in the middle of its answers; `flood` answers without end; `noise` answers nonsense;
`drip` answers a byte a second; `elsewhere` names a relay at another address; `echo` sends datagrams back as if they
came from whom they were for; `early` hangs up on each association at once.
"""

import argparse
import base64
import os
import select
import socket
import struct
import sys
import threading
import time

LOCK = threading.Lock()


def say(text):
    with LOCK:
        print(text, flush=True)


def exactly(peer, count):
    data = b""
    while len(data) < count:
        part = peer.recv(count - len(data))
        if not part:
            raise OSError("end")
        data += part
    return data


def pump(one, other, rate):
    """Carries bytes both ways until either side ends."""
    one.settimeout(None)
    other.settimeout(None)

    def carry(source, sink):
        try:
            while True:
                data = source.recv(min(65536, rate or 65536))
                if not data:
                    break
                sink.sendall(data)
                if rate:
                    time.sleep(len(data) / rate)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    thread = threading.Thread(target=carry, args=(other, one), daemon=True)
    thread.start()
    carry(one, other)
    thread.join()
    one.close()
    other.close()


def address(peer):
    kind = exactly(peer, 1)[0]
    if kind == 1:
        host = socket.inet_ntop(socket.AF_INET, exactly(peer, 4))
    elif kind == 4:
        host = socket.inet_ntop(socket.AF_INET6, exactly(peer, 16))
    else:
        host = exactly(peer, exactly(peer, 1)[0]).decode()
    return host, struct.unpack(">H", exactly(peer, 2))[0]


def packed(host, port):
    if ":" in host:
        return b"\4" + socket.inet_pton(socket.AF_INET6, host) + struct.pack(">H", port)
    return b"\1" + socket.inet_pton(socket.AF_INET, host) + struct.pack(">H", port)


class Proxy:
    def __init__(self, args):
        self.args = args
        host, _, port = args.listen.rpartition(":")
        self.host = host
        self.server = socket.create_server((host, int(port)), backlog=256)
        self.login = args.login.encode() if args.login else None

    def run(self):
        say("ready")
        while True:
            peer, _ = self.server.accept()
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.settimeout(20)
        try:
            if self.args.hostile in ("silent", "cut", "flood", "noise", "drip"):
                self.annoy(peer)
            elif self.args.kind == "http":
                self.http(peer)
            else:
                self.socks(peer)
        except (OSError, ValueError, UnicodeDecodeError, IndexError):
            pass
        peer.close()

    def annoy(self, peer):
        mode = self.args.hostile
        is_http = self.args.kind == "http"
        peer.recv(4096)
        if mode == "silent":
            peer.recv(1)
        elif mode == "noise":
            peer.sendall(os.urandom(64))
            peer.recv(4096)
        elif mode == "cut":
            peer.sendall(b"HTTP/1.1 200 O" if is_http else b"\5\0")
            if not is_http:
                peer.recv(4096)
                peer.sendall(b"\5\0\0\1\12")
        elif mode == "flood":
            if not is_http:
                peer.sendall(b"\5\0")
                peer.recv(4096)
                peer.sendall(b"\5\0\0\3\377")
            peer.sendall(b"HTTP/1.1 200 OK\r\n" if is_http else b"")
            while True:
                peer.sendall(b"A: b\r\n" * 1000)
        elif mode == "drip":
            for byte in (b"HTTP/1.1 200 " if is_http else b"\5\0") + b" " * 100:
                peer.sendall(bytes([byte]))
                time.sleep(1)

    def open(self, host, port):
        say(f"connect {host} {port}")
        other = socket.create_connection((host, port), timeout=10, source_address=(self.args.sender, 0))
        other.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return other

    # HTTP

    def http(self, peer):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += exactly(peer, 1)
        lines = head.decode().split("\r\n")
        method, target, _ = lines[0].split(" ")
        fields = dict(line.split(": ", 1) for line in lines[1:] if ": " in line)
        wanted = "Basic " + base64.b64encode(self.login).decode() if self.login else None
        if wanted and fields.get("Proxy-Authorization") != wanted:
            say("refused")
            peer.sendall(b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=\"x\"\r\n"
                         b"Content-Length: 0\r\nConnection: close\r\n\r\n")
            return
        is_tunnel = method == "CONNECT"
        place = target if is_tunnel else target.split("/")[2]
        host, _, port = place.rpartition(":") if ":" in place.rpartition("]")[2] else (place, "", "80")
        try:
            other = self.open(host.strip("[]"), int(port))
        except OSError:
            peer.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        if is_tunnel:
            peer.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            kept = [line for line in lines[1:-2] if not line.lower().startswith(("proxy-", "connection:"))]
            path = "/" + "/".join(target.split("/")[3:])
            other.sendall("\r\n".join([f"{method} {path} HTTP/1.1", *kept, "Connection: close", "", ""]).encode())
        pump(peer, other, self.args.slow)

    # SOCKS

    def socks(self, peer):
        _, count = exactly(peer, 2)
        methods = exactly(peer, count)
        if self.login is None:
            peer.sendall(b"\5\0")
        elif 2 in methods:
            peer.sendall(b"\5\2")
            user = exactly(peer, exactly(peer, 2)[1])
            password = exactly(peer, exactly(peer, 1)[0])
            if user + b":" + password != self.login:
                say("refused")
                peer.sendall(b"\1\1")
                return
            peer.sendall(b"\1\0")
        else:
            say("refused")
            peer.sendall(b"\5\377")
            return
        _, command, _ = exactly(peer, 3)
        host, port = address(peer)
        if command == 1:
            try:
                other = self.open(host, port)
            except OSError:
                peer.sendall(b"\5\5\0" + packed("0.0.0.0", 0))
                return
            peer.sendall(b"\5\0\0" + packed(*other.getsockname()[:2]))
            pump(peer, other, self.args.slow)
        elif command == 3 and not self.args.no_udp:
            self.associate(peer)
        else:
            peer.sendall(b"\5\7\0" + packed("0.0.0.0", 0))

    def associate(self, peer):
        say("associate")
        inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        inside.bind((self.host, 0))
        outside = [socket.socket(family, socket.SOCK_DGRAM) for family in (socket.AF_INET, socket.AF_INET6)]
        outside[1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        outside[0].bind((self.args.sender, 0))
        outside[1].bind(("", 0))
        for end in (inside, *outside):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        named = "10.78.0.9" if self.args.hostile == "elsewhere" else "0.0.0.0"
        peer.sendall(b"\5\0\0" + packed(named, inside.getsockname()[1]))
        if self.args.hostile == "early":
            return
        client, names, told = None, {}, set()
        while True:
            ready, _, _ = select.select([peer, inside, *outside], [], [])
            if peer in ready:
                break
            if inside in ready:
                data, client = inside.recvfrom(65536)
                if len(data) < 10 or data[:3] != b"\0\0\0":
                    continue
                if data[3] == 3:
                    end = 5 + data[4]
                    host = data[5:end].decode()
                else:
                    end = 8 if data[3] == 1 else 20
                    host = socket.inet_ntop(socket.AF_INET if data[3] == 1 else socket.AF_INET6, data[4:end])
                port = struct.unpack(">H", data[end:end + 2])[0]
                if (host, port) not in told:
                    told.add((host, port))
                    say(f"datagram {host} {port}")
                if self.args.hostile == "echo":
                    inside.sendto(data, client)
                    continue
                try:
                    if data[3] == 3 and host not in names:
                        names[host] = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)[0][4][0]
                    target = names.get(host, host)
                    outside[":" in target].sendto(data[end + 2:], (target, port))
                except OSError:
                    pass
            for end in outside:
                if end in ready and client:
                    data, source = end.recvfrom(65536)
                    inside.sendto(b"\0\0\0" + packed(*source[:2]) + data, client)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["socks5", "http"])
    parser.add_argument("listen")
    parser.add_argument("--login")
    parser.add_argument("--no-udp", action="store_true")
    parser.add_argument("--slow", type=int)
    parser.add_argument("--from", dest="sender", default="")
    parser.add_argument("--hostile")
    Proxy(parser.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
