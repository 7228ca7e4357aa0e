import Addresses
import EventLoop
import Glibc
import Metainfo
import Threads

/// Finds the addresses of hosts, on a thread of its own: names may take seconds.
enum HostLookup {
  /// Calls `then` on the loop with the endpoints of `hosts`: at once with those that are addresses, later with
  /// those of names, if there are any. Names are not looked up while the interface of `binding` is gone.
  static func resolve(
    _ hosts: [Node], unlessGone binding: SocketBinding?, on loop: isolated Loop,
    then: @escaping @Sendable (isolated Loop, [Endpoint]) -> Void
  ) {
    let literal = hosts.compactMap { host in IPAddress(host.host).map { Endpoint($0, port: host.port) } }
    if !literal.isEmpty { then(loop, literal) }
    let names = hosts.filter { IPAddress($0.host) == nil }
    guard !names.isEmpty, binding?.isUp != false else { return }
    let target: Loop = loop
    _ = WorkerThread(name: "names") {
      var found: [Endpoint] = []
      for name in names {
        for address in addresses(of: name.host) { found.append(Endpoint(address, port: name.port)) }
      }
      let endpoints = found
      target.post { loop in then(loop, endpoints) }
    }
  }

  /// The addresses that the system has for a name, at most eight. Waits for it.
  private static func addresses(of host: String) -> [IPAddress] {
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard unsafe getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
    defer { unsafe freeaddrinfo(list) }
    var found: [IPAddress] = []
    var next = unsafe list
    while let entry = unsafe next, found.count < 8 {
      if let address = unsafe address(entry.pointee) { found.append(address) }
      unsafe next = entry.pointee.ai_next
    }
    return found
  }

  private static func address(_ entry: addrinfo) -> IPAddress? {
    guard let socket = unsafe entry.ai_addr else { return nil }
    let isV6 = unsafe entry.ai_family == AF_INET6
    guard unsafe isV6 || entry.ai_family == AF_INET else { return nil }
    let bytes = unsafe UnsafeRawBufferPointer(start: socket, count: Int(entry.ai_addrlen))
    return unsafe IPAddress(RawSpan(_unsafeBytes: bytes), at: isV6 ? 8 : 4, isV6: isV6)
  }
}
