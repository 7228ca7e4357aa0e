public import Addresses
import Bytes

/// A tracker's answer to an announce (BEP 3, 7, 23, 24).
public struct AnnounceReply: Sendable, Equatable {
  /// Seconds until the client should announce again.
  public var interval: Int
  /// Seconds before which the client must not announce again, if the tracker said.
  public var minimumInterval: Int?
  /// Seeds in the swarm.
  public var seeds: Int?
  /// Peers that are no seeds.
  public var leeches: Int?
  /// IPv4 peers in wire form, six bytes each.
  public var peersV4: [UInt8]
  /// IPv6 peers in wire form, 18 bytes each.
  public var peersV6: [UInt8]
  /// The client's address as the tracker sees it (BEP 24).
  public var externalAddress: IPAddress?
  /// To be sent back as `trackerid`.
  public var trackerID: [UInt8]?
  /// Something that the user should read; the announce counts nevertheless.
  public var warning: String?
  /// What it offers beyond the BEPs, if it was asked with `x_` keys.
  public var extensions: ReplyExtensions?

  /// A reply; peers come later or never.
  public init(
    interval: Int, minimumInterval: Int? = nil, seeds: Int? = nil, leeches: Int? = nil,
    peersV4: [UInt8] = [], peersV6: [UInt8] = [], externalAddress: IPAddress? = nil,
    trackerID: [UInt8]? = nil, warning: String? = nil
  ) {
    self.interval = interval
    self.minimumInterval = minimumInterval
    self.seeds = seeds
    self.leeches = leeches
    self.peersV4 = peersV4
    self.peersV6 = peersV6
    self.externalAddress = externalAddress
    self.trackerID = trackerID
    self.warning = warning
  }

  /// The peers of both families, in the tracker's order, IPv4 first. O(n).
  public var peers: [Endpoint] {
    Self.endpoints(peersV4, isV6: false) + Self.endpoints(peersV6, isV6: true)
  }

  static func endpoints(_ bytes: [UInt8], isV6: Bool) -> [Endpoint] {
    let size = Endpoint.compactSize(isV6: isV6)
    return stride(from: 0, through: bytes.count - size, by: size).map {
      Endpoint(compact: bytes.rawBytes, at: $0, isV6: isV6)
    }
  }
}
