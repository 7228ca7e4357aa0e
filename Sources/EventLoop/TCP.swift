public import Addresses
internal import CSystem
internal import Glibc

/// Non-blocking TCP sockets as descriptors, for `SocketWatcher`. Whoever gets one closes it.
public enum TCP {
  /// Listens on `endpoint`; port 0 takes a free one. Returns the descriptor and what it is bound to.
  /// With a binding, only what comes through its interface is heard.
  public static func listen(
    on endpoint: Endpoint, through binding: SocketBinding? = nil, backlog: Int32 = 512
  ) throws(SocketError) -> (descriptor: Int32, bound: Endpoint) {
    var (descriptor, endpoint) = (try open(endpoint, for: "listen on \(endpoint)"), endpoint)
    if let source = try tie(descriptor, endpoint.address, through: binding, source: endpoint.address) {
      endpoint.address = source
    }
    _ = apus_set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
    if !endpoint.address.isV4 { _ = apus_set_option(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
    let bound = unsafe endpoint.withSocketAddress { address, length in
      unsafe bind(descriptor, address, length)
    }
    guard bound == 0, Glibc.listen(descriptor, backlog) == 0, let local = local(descriptor) else {
      throw failure(descriptor, "listen on \(endpoint)")
    }
    return (descriptor, local)
  }

  /// Starts to connect; the descriptor becomes writable when that has ended, see `connectError`.
  /// `source` is the local address to use (its port may be 0).
  public static func connect(
    to endpoint: Endpoint, from source: IPAddress? = nil, through binding: SocketBinding? = nil
  ) throws(SocketError) -> Int32 {
    let descriptor = try open(endpoint, for: "connect to \(endpoint)")
    let tied = try tie(descriptor, endpoint.address, through: binding, source: source)
    if let source = tied ?? source, source.isV4 == endpoint.address.isV4, !source.isUnspecified {
      let bound = unsafe Endpoint(source, port: 0).withSocketAddress { address, length in
        unsafe bind(descriptor, address, length)
      }
      guard bound == 0 else { throw failure(descriptor, "connect from \(source)") }
    }
    let result = unsafe endpoint.withSocketAddress { address, length in
      unsafe Glibc.connect(descriptor, address, length)
    }
    guard result == 0 || errno == EINPROGRESS else { throw failure(descriptor, "connect to \(endpoint)") }
    setNoDelay(descriptor)
    return descriptor
  }

  /// A socket with which somebody else will connect to an address.
  public static func socket(
    to address: IPAddress, through binding: SocketBinding?
  ) throws(SocketError) -> Int32 {
    let descriptor = try open(Endpoint(address, port: 0), for: "connect to \(address)")
    guard let source = try tie(descriptor, address, through: binding, source: nil) else { return descriptor }
    let bound = unsafe Endpoint(source, port: 0).withSocketAddress { address, length in
      unsafe bind(descriptor, address, length)
    }
    guard bound == 0 else { throw failure(descriptor, "connect from \(source)") }
    return descriptor
  }

  /// Ties a new socket to an interface, or closes it. The address that it is to be bound to, if there is one.
  static func tie(
    _ descriptor: Int32, _ address: IPAddress, through binding: SocketBinding?, source: IPAddress?
  ) throws(SocketError) -> IPAddress? {
    guard let binding else { return nil }
    do throws(SocketError) {
      return try binding.tie(descriptor, isV4: address.isV4, source: source)
    } catch {
      close(descriptor)
      throw error
    }
  }

  /// The next waiting connection of a listener; `nil` when there is none (or the system is out of
  /// descriptors, which `errno` tells).
  public static func accept(_ listener: Int32) -> (descriptor: Int32, remote: Endpoint)? {
    let accepted = acceptPlain(listener)
    if let accepted { setNoDelay(accepted.descriptor) }
    return accepted
  }

  /// The address that the system would use to send to another one; `nil` if there is no way. Sends nothing.
  public static func source(to address: IPAddress, through binding: SocketBinding? = nil) -> IPAddress? {
    let family = address.isV4 ? AF_INET : AF_INET6
    let descriptor = apus_socket(family, Int32(SOCK_DGRAM.rawValue))
    guard descriptor >= 0, (try? tie(descriptor, address, through: binding, source: nil)) != nil else {
      return nil
    }
    defer { close(descriptor) }
    let result = unsafe Endpoint(address, port: 9).withSocketAddress { address, length in
      unsafe Glibc.connect(descriptor, address, length)
    }
    return result == 0 ? local(descriptor)?.address : nil
  }

  /// How an attempt to connect ended: 0 or an error number. Call once the descriptor is writable.
  public static func connectError(_ descriptor: Int32) -> Int32 {
    var code: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length) == 0 else { return errno }
    return code
  }

  /// The local end of a socket.
  public static func local(_ descriptor: Int32) -> Endpoint? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        unsafe getsockname(descriptor, address, &length)
      }
    }
    return result == 0 ? Endpoint(storage) : nil
  }

  /// Closes a descriptor.
  public static func close(_ descriptor: Int32) { Glibc.close(descriptor) }

  /// Has the system look every minute whether the other end is still there, where nothing is said for long.
  public static func keepAlive(_ descriptor: Int32) {
    _ = apus_set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1)
    _ = apus_set_option(descriptor, Int32(IPPROTO_TCP), TCP_KEEPIDLE, 60)
    _ = apus_set_option(descriptor, Int32(IPPROTO_TCP), TCP_KEEPINTVL, 15)
    _ = apus_set_option(descriptor, Int32(IPPROTO_TCP), TCP_KEEPCNT, 4)
  }

  private static func open(_ endpoint: Endpoint, for operation: String) throws(SocketError) -> Int32 {
    let descriptor = apus_socket(endpoint.address.isV4 ? AF_INET : AF_INET6, Int32(SOCK_STREAM.rawValue))
    guard descriptor >= 0 else { throw SocketError(operation) }
    return descriptor
  }

  private static func setNoDelay(_ descriptor: Int32) {
    _ = apus_set_option(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
  }

  private static func failure(_ descriptor: Int32, _ operation: String) -> SocketError {
    let error = SocketError(operation)
    close(descriptor)
    return error
  }
}
