import Addresses

/// What a socket's connections may use.
public struct UTPConfiguration: Sendable {
  /// Connections that peers may have opened at a time; what comes beyond that is not answered.
  public var incomingLimit = 500
  /// Bytes that a connection keeps until they are read.
  public var receiveLimit = 4 << 20
  /// Bytes that a connection keeps until they have arrived.
  public var sendLimit = 8 << 20
  /// Bytes of packets that wait for others, in all connections, whose memory is kept for the next ones.
  public var spareBytes = 4 << 20
  /// What the interface takes in one packet, headers of IP and UDP included.
  public var interfaceMTU = 1500
  /// The same for the loopback interface. Less than that takes, so that a batch has room for many.
  public var loopbackMTU = 16_640

  /// The defaults.
  public init() {}

  /// Bytes of the largest datagram that anybody takes: what fits into a frame of Ethernet.
  static func usualDatagram(to address: IPAddress) -> Int { 1500 - (address.isV4 ? 28 : 48) }

  /// Bytes of the largest datagram that may go to an address.
  func largestDatagram(to address: IPAddress) -> Int {
    let headers = address.isV4 ? 28 : 48
    return (address.isLoopback ? min(loopbackMTU, 65_535) : interfaceMTU) - headers
  }
}
