"""A router that pretends: NAT-PMP and UPnP IGD, enough for clients that map ports.

Prints one line for each thing that it is asked for: `map tcp 6881 -> 6881 for 7200`, `unmap tcp 6881`, `address`.
"""

import argparse
import http.server
import re
import socket
import struct
import threading

options = argparse.ArgumentParser()
options.add_argument("--natpmp", help="address to speak NAT-PMP at")
options.add_argument("--upnp", help="address to serve the description at")
options.add_argument("--ssdp", action="store_true", help="answer searches on the network of --upnp")
options.add_argument("--external", default="203.0.113.7")
options.add_argument("--shift", type=int, default=0, help="how far external ports are from what was asked for")
options.add_argument("--lease", type=int, default=0, help="longest lease")
options.add_argument("--taken", type=int, default=0, help="an external port that somebody else has")
options.add_argument("--permanent", action="store_true", help="leases must be permanent")
options.add_argument("--refuse", action="store_true")
options.add_argument("--forget", type=int, default=0, help="mappings after which nothing is answered")
options = options.parse_args()

granted = 0
lock = threading.Lock()


def say(*words):
    with lock:
        print(*words, flush=True)


def natpmp():
    global granted
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((options.natpmp, 5351))
    say("ready natpmp")
    while True:
        data, client = server.recvfrom(64)
        if len(data) < 2 or data[0] != 0 or (options.forget and granted >= options.forget):
            continue
        if data[1] == 0:
            say("address")
            server.sendto(struct.pack("!BBHI", 0, 128, 0, 1) + socket.inet_aton(options.external), client)
        elif data[1] in (1, 2) and len(data) >= 12:
            internal, external, life = struct.unpack("!HHI", data[4:12])
            kind = "tcp" if data[1] == 2 else "udp"
            if options.refuse:
                server.sendto(struct.pack("!BBHIHHI", 0, 128 + data[1], 2, 1, internal, 0, 0), client)
                continue
            if life == 0:
                say("unmap", kind, internal)
                external = 0
            else:
                external += options.shift
                life = min(life, options.lease or life)
                granted += 1
                say("map", kind, internal, "->", external, "for", life)
            server.sendto(struct.pack("!BBHIHHI", 0, 128 + data[1], 0, 1, internal, external, life), client)


DESCRIPTION = """<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major><minor>0</minor></specVersion>
<device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>
<friendlyName>fake</friendlyName><deviceList><device>
<deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType><serviceList><service>
<serviceType>urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1</serviceType>
<serviceId>urn:upnp-org:serviceId:WANCommonIFC1</serviceId>
<controlURL>/common</controlURL><eventSubURL>/event</eventSubURL><SCPDURL>/scpd.xml</SCPDURL>
</service></serviceList><deviceList><device>
<deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType><serviceList><service>
<serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>
<serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId>
<controlURL>/control</controlURL><eventSubURL>/event</eventSubURL><SCPDURL>/scpd.xml</SCPDURL>
</service></serviceList></device></deviceList></device></deviceList></device></root>"""


class Router(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body.encode())

    def do_GET(self):
        self.answer(200, DESCRIPTION)

    def fault(self, code):
        self.answer(500, '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
                    "<faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>"
                    '<UPnPError xmlns="urn:schemas-upnp-org:control-1-0">'
                    f"<errorCode>{code}</errorCode><errorDescription>no</errorDescription></UPnPError>"
                    "</detail></s:Fault></s:Body></s:Envelope>")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        action = re.search(r"#(\w+)", self.headers["SOAPAction"]).group(1)

        def field(name):
            found = re.search(f"<{name}>([^<]*)</{name}>", body)
            return found.group(1) if found else ""

        reply = ""
        if action == "GetExternalIPAddress":
            say("address")
            reply = f"<NewExternalIPAddress>{options.external}</NewExternalIPAddress>"
        elif action == "GetStatusInfo":
            reply = ("<NewConnectionStatus>Connected</NewConnectionStatus><NewLastConnectionError>ERROR_NONE"
                     "</NewLastConnectionError><NewUptime>1</NewUptime>")
        elif action == "AddPortMapping":
            external, life = int(field("NewExternalPort")), int(field("NewLeaseDuration"))
            if options.refuse:
                return self.fault(606)
            if external == options.taken:
                return self.fault(718)
            if options.permanent and life:
                return self.fault(725)
            say("map", field("NewProtocol").lower(), field("NewInternalPort"), "->", external, "for", life,
                "at", field("NewInternalClient"))
        elif action == "DeletePortMapping":
            say("unmap", field("NewProtocol").lower(), field("NewExternalPort"))
        self.answer(200, '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
                    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>'
                    f'<u:{action}Response xmlns:u="urn:schemas-upnp-org:service:WANIPConnection:1">{reply}'
                    f"</u:{action}Response></s:Body></s:Envelope>")


def ssdp(url):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("239.255.255.250", 1900))
    server.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                      socket.inet_aton("239.255.255.250") + socket.inet_aton(options.upnp))
    say("ready ssdp")
    while True:
        data, client = server.recvfrom(2048)
        target = re.search(r"(?im)^ST:\s*(\S+)", data.decode(errors="replace"))
        if not data.startswith(b"M-SEARCH") or not target or "InternetGatewayDevice:1" not in target.group(1):
            continue
        say("search")
        server.sendto((f"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: {target.group(1)}\r\n"
                       f"USN: uuid:fake::{target.group(1)}\r\nEXT:\r\nSERVER: fake\r\nLOCATION: {url}\r\n\r\n").encode(),
                      client)


threads = []
if options.natpmp:
    threads.append(threading.Thread(target=natpmp))
if options.upnp:
    web = http.server.ThreadingHTTPServer((options.upnp, 0), Router)
    where = f"http://{options.upnp}:{web.server_address[1]}/root.xml"
    say("ready upnp", where)
    threads.append(threading.Thread(target=web.serve_forever))
    if options.ssdp:
        threads.append(threading.Thread(target=ssdp, args=(where,)))
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
