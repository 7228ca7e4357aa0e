import Addresses
import EventLoop
private import Glibc
import Threads

/// The addresses behind the peers of a magnet link, some of which may be names.
enum PeerNames {
  /// Peers that are looked up by name; a link could have hundreds.
  private static let nameLimit = 16

  /// Tells `then` the endpoints: those that need no look-up at once, the others as they are found, on a
  /// thread of its own, because the system's resolver blocks.
  static func resolve(
    _ peers: [String], unlessGone binding: SocketBinding?, on loop: isolated Loop,
    then: @escaping @Sendable (isolated Loop, [Endpoint]) -> Void
  ) {
    then(loop, peers.compactMap { Endpoint($0) })
    let names = peers.filter { Endpoint($0) == nil }.prefix(nameLimit)
    guard !names.isEmpty, binding?.isUp != false else { return }
    let loop = loop
    _ = WorkerThread(name: "names") {
      for name in names {
        let endpoints = lookUp(name)
        if !endpoints.isEmpty { loop.post { loop in then(loop, endpoints) } }
      }
    }
  }

  /// The endpoints of `host:port`. Blocks.
  private static func lookUp(_ peer: String) -> [Endpoint] {
    guard let colon = peer.lastIndex(of: ":"), let port = UInt16(peer[peer.index(after: colon)...]) else {
      return []
    }
    var hints = unsafe addrinfo()
    unsafe hints.ai_family = AF_UNSPEC
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var first: UnsafeMutablePointer<addrinfo>? = nil
    guard unsafe getaddrinfo(String(peer[..<colon]), nil, &hints, &first) == 0 else { return [] }
    defer { unsafe freeaddrinfo(first) }
    var endpoints: [Endpoint] = []
    var next = unsafe first
    while let entry = unsafe next, endpoints.count < 8 {
      if let address = unsafe numeric(entry.pointee), !address.isUnspecified {
        endpoints.append(Endpoint(address, port: port))
      }
      unsafe next = entry.pointee.ai_next
    }
    return endpoints
  }

  private static func numeric(_ entry: addrinfo) -> IPAddress? {
    var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    guard
      unsafe getnameinfo(
        entry.ai_addr, entry.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0
    else { return nil }
    return IPAddress(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
  }
}
