public import Addresses
import Bytes
public import Digest

/// What a tracker has to know of an announce that comes as a query, read without an allocation.
public struct AnnounceQuery: Sendable {
  /// The swarm.
  public private(set) var infoHash: InfoHash
  /// The client's peer id.
  public private(set) var peerID: InlineArray<20, UInt8>
  /// The port that the client listens on; never 0.
  public private(set) var port: UInt16 = 0
  /// Bytes sent to peers since `started`.
  public private(set) var uploaded: UInt64 = 0
  /// Bytes received from peers since `started`.
  public private(set) var downloaded: UInt64 = 0
  /// Bytes that the client has yet to download; `UInt64.max` where it did not say.
  public private(set) var left = UInt64.max
  /// Why the client announces.
  public private(set) var event = AnnounceEvent.regular
  /// How many peers it wants at most; `nil` leaves it to the tracker.
  public private(set) var wanted: Int?
  /// Whether peers may come in compact form (BEP 23).
  public private(set) var acceptsCompact = true
  /// Whether it names an address of itself; see `claimedAddresses(in:)`.
  public private(set) var claimsAddresses = false

  /// Whether it has keys that begin with `x_`, which are not in any BEP.
  public private(set) var isExtended = false

  /// Reads an announce from a raw query, still percent-encoded. Unknown parameters are ignored, as are unknown
  /// events; of a repeated one the last counts. O(n), numbers checked for overflow.
  public init(_ bytes: RawSpan) throws(RequestFault) {
    var infoHash: InlineArray<20, UInt8>?
    var peerID: InlineArray<20, UInt8>?
    var port: UInt16?
    var values = Values()
    var offset = 0
    while let parameter = QueryBytes.next(bytes, &offset) {
      let value = parameter.value
      func named(_ text: StaticString) -> Bool { QueryBytes.matches(bytes, parameter.key, text) }
      switch parameter.key.count {
      case 9 where named("info_hash"):
        infoHash = QueryBytes.twentyBytes(bytes, value)
        if infoHash == nil { throw .malformed("info_hash") }
      case 7 where named("peer_id"):
        peerID = QueryBytes.twentyBytes(bytes, value)
        if peerID == nil { throw .malformed("peer_id") }
      case 4 where named("port"):
        port = QueryBytes.number(bytes, value).flatMap { UInt16(exactly: $0) }
        if port == nil { throw .malformed("port") }
      default: try values.take(bytes, parameter)
      }
    }
    guard let infoHash else { throw .missing("info_hash") }
    guard let peerID else { throw .missing("peer_id") }
    guard let port else { throw .missing("port") }
    guard port != 0 else { throw .portZero }
    self.infoHash = unsafe InfoHash(infoHash.span.bytes, at: 0)
    self.peerID = peerID
    self.port = port
    (uploaded, downloaded, left) = (values.uploaded, values.downloaded, values.left)
    (event, wanted) = (values.event, values.wanted)
    (acceptsCompact, claimsAddresses) = (values.acceptsCompact, values.claimsAddresses)
    isExtended = values.isExtended
  }

  /// The addresses that a query claims for its sender (`ip`, and `ipv4` and `ipv6` of BEP 7), in that order. What
  /// is no address is left out. Allocates.
  public static func claimedAddresses(in bytes: RawSpan) -> [IPAddress] {
    var found: [IPAddress] = []
    var offset = 0
    while let parameter = QueryBytes.next(bytes, &offset) {
      guard Values.isClaim(bytes, parameter.key) else { continue }
      let value = QueryString(bytes.array(parameter.value))
      // A port may be behind the address (BEP 7); the announced port is the one that counts.
      guard let text = value.text(value.bytes.indices) else { continue }
      if let address = IPAddress(text) ?? Endpoint(text)?.address { found.append(address) }
    }
    return found
  }
}

/// The parameters that may be left out.
private struct Values {
  var uploaded: UInt64 = 0
  var downloaded: UInt64 = 0
  var left = UInt64.max
  var event = AnnounceEvent.regular
  var wanted: Int?
  var acceptsCompact = true
  var claimsAddresses = false
  var isExtended = false

  @inline(__always)
  mutating func take(_ bytes: RawSpan, _ parameter: QueryBytes.Parameter) throws(RequestFault) {
    let value = parameter.value
    func named(_ text: StaticString) -> Bool { QueryBytes.matches(bytes, parameter.key, text) }
    switch parameter.key.count {
    case 4 where named("left"):
      guard let number = QueryBytes.number(bytes, value) else { throw .malformed("left") }
      left = number
    case 5 where named("event"): event = Self.event(bytes, value)
    case 7 where named("compact"): acceptsCompact = QueryBytes.number(bytes, value) != 0
    case 7 where named("numwant"): wanted = try Self.wanted(bytes, value)
    case 8 where named("uploaded"):
      guard let number = QueryBytes.number(bytes, value) else { throw .malformed("uploaded") }
      uploaded = number
    case 10 where named("downloaded"):
      guard let number = QueryBytes.number(bytes, value) else { throw .malformed("downloaded") }
      downloaded = number
    case 2, 4: claimsAddresses = claimsAddresses || Self.isClaim(bytes, parameter.key)
    default:
      let key = parameter.key.lowerBound
      if parameter.key.count > 2, bytes.byte(at: key + 1) == UInt8(ascii: "_"),
        bytes.byte(at: key) == UInt8(ascii: "x")
      {
        isExtended = true
      }
    }
  }

  static func isClaim(_ bytes: RawSpan, _ key: Range<Int>) -> Bool {
    QueryBytes.matches(bytes, key, "ip") || QueryBytes.matches(bytes, key, "ipv4")
      || QueryBytes.matches(bytes, key, "ipv6")
  }

  private static func event(_ bytes: RawSpan, _ value: Range<Int>) -> AnnounceEvent {
    switch value.count {
    case 6 where QueryBytes.matches(bytes, value, "paused"): .paused
    case 7 where QueryBytes.matches(bytes, value, "started"): .started
    case 7 where QueryBytes.matches(bytes, value, "stopped"): .stopped
    case 9 where QueryBytes.matches(bytes, value, "completed"): .completed
    default: .regular
    }
  }

  /// A negative number, which UDP clients use for "as you like", is the same as none.
  private static func wanted(_ bytes: RawSpan, _ value: Range<Int>) throws(RequestFault) -> Int? {
    var value = value
    let isNegative = !value.isEmpty && bytes.byte(at: value.lowerBound) == UInt8(ascii: "-")
    if isNegative { value = value.lowerBound + 1..<value.upperBound }
    guard let number = QueryBytes.number(bytes, value).flatMap({ Int(exactly: $0) }) else {
      throw .malformed("numwant")
    }
    return isNegative ? nil : number
  }
}
