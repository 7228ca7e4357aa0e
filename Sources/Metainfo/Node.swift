/// A node of the DHT that a torrent names (BEP 5).
public struct Node: Sendable, Equatable {
  /// A name or an address, as it came.
  public let host: String
  /// Its UDP port.
  public let port: UInt16

  /// Puts a host and a port together.
  public init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }
}
