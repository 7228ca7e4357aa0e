public import Addresses
internal import CSystem
internal import Glibc

/// What a server needs that reads requests where the system keeps them.
extension TCP {
  /// Listens with several sockets on one port, over which the system spreads the clients; port 0 takes a free one.
  /// Who else listens there makes it fail, as with one socket.
  public static func listen(
    on endpoint: Endpoint, copies: Int, backlog: Int32 = 4096
  ) throws(SocketError) -> (descriptors: [Int32], bound: Endpoint) {
    var bound = endpoint
    var descriptors: [Int32] = []
    do throws(SocketError) {
      for copy in 0..<max(1, copies) {
        let operation = "listen on \(endpoint)"
        let descriptor = apus_socket(endpoint.address.isV4 ? AF_INET : AF_INET6, Int32(SOCK_STREAM.rawValue))
        guard descriptor >= 0 else { throw SocketError(operation) }
        descriptors.append(descriptor)
        _ = apus_set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
        if !endpoint.address.isV4 { _ = apus_set_option(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
        // The first takes the port without sharing it, so that it fails if another program has it.
        if copy > 0 { _ = apus_set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) }
        let result = unsafe bound.withSocketAddress { address, length in
          unsafe bind(descriptor, address, length)
        }
        guard result == 0, let local = local(descriptor) else { throw SocketError(operation) }
        if copy == 0 { _ = apus_set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1) }
        bound = local
        guard Glibc.listen(descriptor, backlog) == 0 else { throw SocketError(operation) }
      }
    } catch {
      for descriptor in descriptors { close(descriptor) }
      throw error
    }
    return (descriptors, bound)
  }

  /// Has a listener give out connections only when there is something to read from them, or after some seconds
  /// without. A hint.
  public static func deferAccepting(_ listener: Int32, seconds: Int32) {
    _ = apus_set_option(listener, Int32(IPPROTO_TCP), TCP_DEFER_ACCEPT, seconds)
  }

  /// As `accept`, for who sends whole answers at once: small writes may wait for each other.
  public static func acceptPlain(_ listener: Int32) -> (descriptor: Int32, remote: Endpoint)? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let descriptor = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        unsafe apus_accept(listener, address, &length)
      }
    }
    guard descriptor >= 0 else { return nil }
    guard let remote = Endpoint(storage) else {
      close(descriptor)
      return nil
    }
    return (descriptor, remote)
  }

  /// Whether the last system call of this thread that failed only has to be tried later.
  public static var hasToWait: Bool { errno == EAGAIN || errno == EINTR }

  /// Whether it failed because there are no descriptors left.
  public static var lacksDescriptors: Bool { errno == EMFILE || errno == ENFILE }

  /// Copies what has come and leaves it where it is; the count, 0 at the end, or -1 with `errno`.
  public static func peek(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Int {
    unsafe recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_PEEK | MSG_DONTWAIT))
  }

  /// Takes out `count` bytes that were peeked at.
  public static func discard(_ descriptor: Int32, _ count: Int) {
    // Linux throws them away without a copy.
    _ = recv(descriptor, nil, count, Int32(MSG_TRUNC | MSG_DONTWAIT))
  }

  /// Sends without blocking; the count or -1 with `errno`.
  public static func send(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    unsafe Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
  }

  /// Has the descriptor count as readable only when so many bytes are there.
  public static func setLowWater(_ descriptor: Int32, _ count: Int) {
    _ = apus_set_option(descriptor, SOL_SOCKET, SO_RCVLOWAT, Int32(clamping: count))
  }

  /// The other end of a connection.
  public static func remote(_ descriptor: Int32) -> Endpoint? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        unsafe getpeername(descriptor, address, &length)
      }
    }
    return result == 0 ? Endpoint(storage) : nil
  }

  /// Has calls on a descriptor that came from elsewhere return at once.
  public static func setNonBlocking(_ descriptor: Int32) { _ = apus_set_non_blocking(descriptor) }

  /// Says that nothing more will be sent.
  public static func finish(_ descriptor: Int32) { shutdown(descriptor, Int32(SHUT_WR)) }
}
