import Bytes

/// What is wrong with a request to a tracker; its description is the `failure reason`.
public enum RequestFault: Error, Sendable, Equatable, CustomStringConvertible {
  /// A parameter that BEP 3 requires is not there.
  case missing(String)
  /// A value is badly percent-encoded, or not of the form or the range that it must have.
  case malformed(String)
  /// Port 0: nobody could connect to it.
  case portZero

  /// One line for the client's user.
  public var description: String {
    switch self {
    case .missing(let name): "\(name) is missing"
    case .malformed("info_hash"): "info_hash is not 20 bytes, percent-encoded"
    case .malformed("peer_id"): "peer_id is not 20 bytes, percent-encoded"
    case .malformed(let name): "\(name) is malformed or out of range"
    case .portZero: "port 0 cannot be connected to"
    }
  }
}

extension AnnounceRequest {
  /// Reads an announce from a raw query, still percent-encoded: what `AnnounceQuery` reads, and what only
  /// matters to who looks closer.
  public init(query bytes: [UInt8]) throws(RequestFault) {
    let announce = try AnnounceQuery(bytes.rawBytes)
    let query = QueryString(bytes)
    var key: UInt32?
    var trackerID: [UInt8]?
    for parameter in query.parameters {
      switch parameter.key {
      case "key": key = query.text(parameter.value).flatMap { UInt32($0, radix: 16) }
      case "trackerid": trackerID = query.decoded(parameter.value)
      default: break
      }
    }
    self.init(
      infoHash: announce.infoHash, peerID: announce.peerID.indices.map { announce.peerID[$0] },
      port: announce.port, uploaded: announce.uploaded, downloaded: announce.downloaded, left: announce.left,
      event: announce.event, wanted: announce.wanted, key: key, trackerID: trackerID,
      acceptsCompact: announce.acceptsCompact,
      claimedAddresses: AnnounceQuery.claimedAddresses(in: bytes.rawBytes))
  }
}
