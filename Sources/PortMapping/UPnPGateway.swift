internal import Addresses
private import CMiniupnpc

/// A router that speaks UPnP.
@safe
final class UPnPGateway: Gateway {
  /// UPnP's words for no.
  private enum Refusal {
    static let conflict: Int32 = 718
    static let onlyPermanent: Int32 = 725
  }

  private static let searchMilliseconds: Int32 = 2000
  /// Other ports that are tried where the wished one is taken.
  private static let attempts = 4

  private let router: UnsafeMutablePointer<apus_upnp>
  private let address: IPAddress?
  let method = PortMappingMethod.upnp

  /// `nil` if there is none. `address` is where connections are to be led, and, without a URL, whose network is asked.
  init?(describedAt url: String?, address: IPAddress?) {
    self.address = address
    let own = address?.description
    let found = unsafe apus_upnp_find(url, own, Self.searchMilliseconds)
    guard let found = unsafe found else { return nil }
    unsafe router = found
  }

  deinit { unsafe apus_upnp_free(router) }

  func externalAddress() -> IPAddress? {
    var text = [CChar](repeating: 0, count: 64)
    guard unsafe apus_upnp_address(router, &text) == 0 else { return nil }
    let said = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return IPAddress(said).flatMap { $0.isUnspecified ? nil : $0 }
  }

  func map(_ port: PortMapperOptions.Port, external: UInt16, life: UInt32) -> GatewayLease? {
    var external = external
    var life = life
    for _ in 0...Self.attempts {
      let own = address?.description
      let result = unsafe apus_upnp_map(
        router, Int32(external), Int32(port.number), own, port.transport == .tcp ? 1 : 0, life)
      switch result {
      case 0: return GatewayLease(external: external, life: life)
      case Refusal.onlyPermanent where life != 0: life = 0
      case Refusal.conflict: external = UInt16.random(in: 1024 ... .max)
      default: return nil
      }
    }
    return nil
  }

  func unmap(_ port: PortMapperOptions.Port, external: UInt16) {
    _ = unsafe apus_upnp_unmap(router, Int32(external), port.transport == .tcp ? 1 : 0)
  }
}
