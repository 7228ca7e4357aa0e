import Addresses
import Bytes
import FuzzDriver
import Proxy

/// URLs, datagrams of a relay, and a handshake with a proxy that may say anything, in parts of any size. It ends
/// within bounds, never asks for nothing, and takes nothing that it did not ask for.
@main
enum FuzzProxy {
  static func main() {
    let code = fuzz { start, count in
      FuzzProxy.examine(bytes(start, count))
      return 0
    }
    precondition(code == 0)
  }

  static func examine(_ input: [UInt8]) {
    let text = String(decoding: input, as: UTF8.self)
    if var url = try? ProxyURL(text) {
      let again = try? ProxyURL(url.description)
      url.credentials = nil
      precondition(again == url)
    }
    _ = ProxyCredentials(text)
    _ = ProxyTarget(host: text, port: 1)
    if let (source, start) = SOCKS5Datagram.open(input.rawBytes) {
      let payload = input.rawBytes.extracting(start..<input.count)
      precondition(SOCKS5Datagram.wrapped(payload, for: .address(source)) == input || input[3] == 4)
    }
    for proxy in proxies {
      converse(ProxyHandshake(proxy, to: .name("peer.example", port: 6881)), input)
      if let relay = ProxyHandshake(relayOf: proxy, isV4: input.first ?? 0 < 128) { converse(relay, input) }
    }
  }

  private static let proxies = [
    ProxyURL(.socks5, host: "proxy", port: 1080), ProxyURL(.http, host: "proxy", port: 8080),
    ProxyURL(.socks5, host: "proxy", port: 1080, credentials: ProxyCredentials("user:password")),
  ]

  /// The first byte of the input says how large the parts are.
  private static func converse(_ handshake: ProxyHandshake, _ input: [UInt8]) {
    var handshake = handshake
    precondition(!handshake.begin().isEmpty)
    guard let size = input.first else { return }
    var rest = input.dropFirst()
    while !rest.isEmpty {
      let wanted = handshake.wanted
      precondition(wanted > 0 && wanted <= 262)
      let count = min(wanted, Int(size % 32) + 1, rest.count)
      let step = handshake.receive(Array(rest.prefix(count)).rawBytes)
      rest = rest.dropFirst(count)
      switch step {
      case .more: continue
      case .send(let bytes): precondition(!bytes.isEmpty)
      case .done, .failed:
        precondition(handshake.wanted == 0)
        return
      }
    }
    // Whatever comes, it is over at some time.
    var left = 5000
    while handshake.wanted > 0, left > 0 {
      let part = [UInt8](repeating: 97, count: handshake.wanted)
      _ = handshake.receive(part.rawBytes)
      left -= part.count
    }
    precondition(handshake.wanted == 0)
  }
}
