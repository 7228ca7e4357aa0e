public import Addresses
internal import CSystem
internal import Glibc

/// Datagram sockets for multicast groups, as descriptors. Whoever gets one closes it.
public enum Multicast {
  /// A socket for what is sent to a group, beside those of other programs; it hears nothing before `join`.
  public static func receiver(
    of group: Endpoint, through binding: SocketBinding? = nil
  ) throws(SocketError) -> Int32 {
    let operation = "listen to \(group)"
    let descriptor = try open(group.address, operation)
    _ = try TCP.tie(descriptor, group.address, through: binding, source: nil)
    _ = apus_set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
    let result = unsafe group.withSocketAddress { address, length in unsafe bind(descriptor, address, length)
    }
    guard result == 0 else { throw failure(descriptor, operation) }
    return descriptor
  }

  /// Has a receiver hear the group on one interface; false if the system refuses.
  public static func join(_ descriptor: Int32, _ group: Endpoint, on interface: NetworkInterface) -> Bool {
    unsafe group.withSocketAddress { group, _ in
      unsafe Endpoint(interface.address, port: 0).withSocketAddress { local, _ in
        unsafe apus_join_group(descriptor, group, local, interface.index) == 0
      }
    }
  }

  /// A socket that sends to groups from an interface's address, over at most `hops` routers.
  public static func sender(
    from interface: NetworkInterface, hops: Int32, through binding: SocketBinding? = nil
  ) throws(SocketError) -> Int32 {
    let operation = "send to the neighbours of \(interface.address)"
    let descriptor = try open(interface.address, operation)
    _ = try TCP.tie(descriptor, interface.address, through: binding, source: interface.address)
    let result = unsafe Endpoint(interface.address, port: 0).withSocketAddress { address, length in
      guard unsafe bind(descriptor, address, length) == 0 else { return Int32(-1) }
      return unsafe apus_send_through(descriptor, address, interface.index, hops)
    }
    guard result == 0 else { throw failure(descriptor, operation) }
    return descriptor
  }

  /// Sends a datagram now; false if the system refuses.
  public static func send(_ bytes: [UInt8], to group: Endpoint, through descriptor: Int32) -> Bool {
    unsafe group.withSocketAddress { address, length in
      unsafe sendto(descriptor, bytes, bytes.count, Int32(MSG_DONTWAIT), address, length) == bytes.count
    }
  }

  private static func open(_ address: IPAddress, _ operation: String) throws(SocketError) -> Int32 {
    let descriptor = apus_socket(address.isV4 ? AF_INET : AF_INET6, Int32(SOCK_DGRAM.rawValue))
    guard descriptor >= 0 else { throw SocketError(operation) }
    if !address.isV4 { _ = apus_set_option(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
    return descriptor
  }

  private static func failure(_ descriptor: Int32, _ operation: String) -> SocketError {
    let error = SocketError(operation)
    TCP.close(descriptor)
    return error
  }
}
