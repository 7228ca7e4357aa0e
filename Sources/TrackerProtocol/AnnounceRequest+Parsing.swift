import Addresses
import Bytes
import Digest

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
  /// Reads an announce from a raw query, still percent-encoded. Unknown parameters are ignored, as
  /// are unknown events; of a repeated one the last counts. O(n), numbers checked for overflow.
  public init(query bytes: [UInt8]) throws(RequestFault) {
    let query = QueryString(bytes)
    var infoHash: InfoHash?
    var peerID: [UInt8]?
    var port: UInt16?
    var (uploaded, downloaded, left) = (UInt64(0), UInt64(0), UInt64.max)
    var event = AnnounceEvent.regular
    var acceptsCompact = true
    var wanted: Int?
    var key: UInt32?
    var trackerID: [UInt8]?
    var claimedAddresses: [IPAddress] = []
    for parameter in query.parameters {
      let name = parameter.key
      let value = parameter.value
      switch name {
      case "info_hash":
        infoHash = query.decoded(value).flatMap { InfoHash($0) }
        if infoHash == nil { throw .malformed(name) }
      case "peer_id":
        peerID = query.decoded(value)
        if peerID?.count != 20 { throw .malformed(name) }
      case "port":
        port = query.number(value).flatMap { UInt16(exactly: $0) }
        if port == nil { throw .malformed(name) }
      case "uploaded": uploaded = try Self.number(query, parameter)
      case "downloaded": downloaded = try Self.number(query, parameter)
      case "left": left = try Self.number(query, parameter)
      case "numwant": wanted = try Self.wanted(query, parameter)
      case "event": event = query.text(value).flatMap { AnnounceEvent(rawValue: $0) } ?? .regular
      case "compact": acceptsCompact = query.number(value) != 0
      case "key": key = query.text(value).flatMap { UInt32($0, radix: 16) }
      case "trackerid": trackerID = query.decoded(value)
      case "ip", "ipv4", "ipv6":
        if let address = query.text(value).flatMap(Self.address) { claimedAddresses.append(address) }
      default: break
      }
    }
    guard let infoHash else { throw .missing("info_hash") }
    guard let peerID else { throw .missing("peer_id") }
    guard let port else { throw .missing("port") }
    guard port != 0 else { throw .portZero }
    self.init(
      infoHash: infoHash, peerID: peerID, port: port, uploaded: uploaded, downloaded: downloaded,
      left: left, event: event, wanted: wanted, key: key, trackerID: trackerID,
      acceptsCompact: acceptsCompact, claimedAddresses: claimedAddresses)
  }

  private static func number(
    _ query: QueryString, _ parameter: QueryString.Parameter
  ) throws(RequestFault) -> UInt64 {
    guard let number = query.number(parameter.value) else { throw .malformed(parameter.key) }
    return number
  }

  /// A negative number, which UDP clients use for "as you like", is the same as none.
  private static func wanted(
    _ query: QueryString, _ parameter: QueryString.Parameter
  ) throws(RequestFault) -> Int? {
    var value = parameter.value
    let isNegative = value.first.map { query.bytes[$0] == UInt8(ascii: "-") } ?? false
    if isNegative { value = value.dropFirst() }
    guard let number = query.number(value).flatMap({ Int(exactly: $0) }) else {
      throw .malformed(parameter.key)
    }
    return isNegative ? nil : number
  }

  /// `ipv6=` may carry a port behind the address (BEP 7); the announced port is the one that counts.
  private static func address(_ text: String) -> IPAddress? {
    IPAddress(text) ?? Endpoint(text)?.address
  }
}
