internal import Addresses

/// A router that can be asked. Every call may block for seconds. Confined to the mapper's thread.
protocol Gateway: AnyObject {
  var method: PortMappingMethod { get }
  /// Its address as others see it.
  func externalAddress() -> IPAddress?
  /// Maps a port, if possible to `external`, for `life` seconds; `nil` if it refuses.
  func map(_ port: PortMapperOptions.Port, external: UInt16, life: UInt32) -> GatewayLease?
  /// Ends a mapping.
  func unmap(_ port: PortMapperOptions.Port, external: UInt16)
}

/// What a router gave.
struct GatewayLease: Equatable {
  var external: UInt16
  /// Seconds; 0 if it does not forget it.
  var life: UInt32
}
