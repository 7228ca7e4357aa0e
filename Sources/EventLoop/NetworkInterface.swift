public import Addresses
internal import Bytes
internal import CSystem
internal import Glibc

/// An address that this machine has, and the interface that has it.
public struct NetworkInterface: Hashable, Sendable {
  /// The interface's name, such as `eth0`.
  public let name: String
  /// The number that the system knows it by.
  public let index: UInt32
  /// The address.
  public let address: IPAddress
  /// Whether it carries multicast.
  public let isMulticast: Bool

  /// All that are up, as they are now. A few system calls.
  public static func all() -> [NetworkInterface] {
    var first: UnsafeMutablePointer<ifaddrs>? = nil
    guard unsafe getifaddrs(&first) == 0 else { return [] }
    defer { unsafe freeifaddrs(first) }
    var found: [NetworkInterface] = []
    var next = unsafe first
    while let entry = unsafe next {
      unsafe next = entry.pointee.ifa_next
      let flags = unsafe entry.pointee.ifa_flags
      guard flags & UInt32(IFF_UP) != 0, let address = unsafe address(entry.pointee.ifa_addr) else {
        continue
      }
      found.append(
        NetworkInterface(
          name: unsafe String(cString: entry.pointee.ifa_name),
          index: unsafe if_nametoindex(entry.pointee.ifa_name),
          address: address,
          isMulticast: flags & UInt32(IFF_MULTICAST) != 0))
    }
    return found
  }

  private static func address(_ pointer: UnsafeMutablePointer<sockaddr>?) -> IPAddress? {
    guard let pointer = unsafe pointer else { return nil }
    switch unsafe Int32(pointer.pointee.sa_family) {
    case AF_INET:
      return unsafe pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { inet in
        unsafe IPAddress(v4: UInt32(bigEndian: inet.pointee.sin_addr.s_addr))
      }
    case AF_INET6:
      return unsafe pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { inet in
        unsafe withUnsafeBytes(of: inet.pointee.sin6_addr) {
          unsafe IPAddress(RawSpan(_unsafeBytes: $0), at: 0, isV6: true)
        }
      }
    default: return nil
    }
  }
}
