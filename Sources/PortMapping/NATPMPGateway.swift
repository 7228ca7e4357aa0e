internal import Addresses
private import CNATPMP

/// A router that speaks NAT-PMP (RFC 6886).
@safe
final class NATPMPGateway: Gateway {
  /// Milliseconds that a router has to answer the first question, and the others.
  private static let firstPatience: Int32 = 1000
  private static let patience: Int32 = 2000

  private let connection: UnsafeMutablePointer<natpmp_t>
  let method = PortMappingMethod.natpmp
  private var address: IPAddress?

  /// `nil` if nobody answers at `gateway`, or at the default gateway.
  init?(at gateway: IPAddress?) {
    guard gateway?.isV4 != false, let connection = unsafe apus_natpmp_open(gateway?.v4.bigEndian ?? 0) else {
      return nil
    }
    unsafe self.connection = connection
    guard ask(Self.firstPatience) else { return nil }
  }

  deinit { unsafe apus_natpmp_free(connection) }

  private func ask(_ patience: Int32) -> Bool {
    var found: UInt32 = 0
    guard unsafe apus_natpmp_address(connection, &found, patience) == 0 else { return false }
    let told = IPAddress(v4: UInt32(bigEndian: found))
    address = told.isUnspecified ? nil : told
    return true
  }

  func externalAddress() -> IPAddress? {
    _ = ask(Self.patience)
    return address
  }

  func map(_ port: PortMapperOptions.Port, external: UInt16, life: UInt32) -> GatewayLease? {
    var external = external
    var life = max(life, 1)
    let result = unsafe apus_natpmp_map(
      connection, port.transport == .tcp ? 1 : 0, port.number, &external, &life, Self.patience)
    guard result == 0, external != 0, life != 0 else { return nil }
    return GatewayLease(external: external, life: life)
  }

  func unmap(_ port: PortMapperOptions.Port, external: UInt16) {
    var external: UInt16 = 0
    var life: UInt32 = 0
    unsafe apus_natpmp_map(
      connection, port.transport == .tcp ? 1 : 0, port.number, &external, &life, Self.firstPatience)
  }
}
