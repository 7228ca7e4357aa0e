internal import Addresses
internal import Bytes
internal import Glibc

extension Endpoint {
  /// Calls `body` with the C form. IPv4 for IPv4 and mapped addresses, else IPv6.
  func withSocketAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    if address.isV4 {
      var storage = sockaddr_in()
      storage.sin_family = sa_family_t(AF_INET)
      storage.sin_port = port.bigEndian
      storage.sin_addr.s_addr = address.v4.bigEndian
      return unsafe withUnsafePointer(to: &storage) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
          unsafe body(address, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
    }
    var storage = sockaddr_in6()
    storage.sin6_family = sa_family_t(AF_INET6)
    storage.sin6_port = port.bigEndian
    unsafe withUnsafeMutableBytes(of: &storage.sin6_addr) { unsafe $0.copyBytes(from: address.bytes) }
    return unsafe withUnsafePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        unsafe body(address, socklen_t(MemoryLayout<sockaddr_in6>.size))
      }
    }
  }

  /// The C form as a value.
  var socketStorage: sockaddr_storage {
    var storage = sockaddr_storage()
    unsafe withSocketAddress { address, length in
      unsafe withUnsafeMutableBytes(of: &storage) { bytes in
        unsafe bytes.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(length)))
      }
    }
    return storage
  }

  /// From the C form; `nil` for families that are not IP.
  init?(_ storage: sockaddr_storage) {
    var storage = storage
    let family = Int32(storage.ss_family)
    guard family == AF_INET || family == AF_INET6 else { return nil }
    self = unsafe withUnsafeBytes(of: &storage) { buffer in
      let bytes = unsafe RawSpan(_unsafeBytes: buffer)
      let port = bytes.bigEndian(UInt16.self, at: 2)
      return Endpoint(IPAddress(bytes, at: family == AF_INET ? 4 : 8, isV6: family == AF_INET6), port: port)
    }
  }
}
