public import Addresses
import Bytes
public import Digest

/// One announce: a client tells a tracker that it is part of a swarm and asks for peers (BEP 3).
public struct AnnounceRequest: Sendable, Equatable {
  /// The swarm.
  public var infoHash: InfoHash
  /// The client's peer id, 20 bytes.
  public var peerID: [UInt8]
  /// The port that the client listens on; never 0.
  public var port: UInt16
  /// Bytes sent to peers since `started`.
  public var uploaded: UInt64
  /// Bytes received from peers since `started`.
  public var downloaded: UInt64
  /// Bytes that the client has yet to download; `UInt64.max` where it did not say.
  public var left: UInt64
  /// Why the client announces.
  public var event: AnnounceEvent
  /// How many peers it wants at most; `nil` leaves it to the tracker.
  public var wanted: Int?
  /// Lets a client prove that it is the same after its address changed; eight hexadecimal digits.
  public var key: UInt32?
  /// What the tracker gave as `tracker id`.
  public var trackerID: [UInt8]?
  /// Whether peers may come in compact form (BEP 23). False only if the client said so.
  public var acceptsCompact: Bool
  /// Addresses that the client claims to have (`ip`, and `ipv4` and `ipv6` of BEP 7), in that order.
  public var claimedAddresses: [IPAddress]

  /// A client's announce; the tracker learns the address from the connection.
  public init(
    infoHash: InfoHash, peerID: [UInt8], port: UInt16, uploaded: UInt64 = 0, downloaded: UInt64 = 0,
    left: UInt64, event: AnnounceEvent = .regular, wanted: Int? = nil, key: UInt32? = nil,
    trackerID: [UInt8]? = nil, acceptsCompact: Bool = true, claimedAddresses: [IPAddress] = []
  ) {
    self.infoHash = infoHash
    self.peerID = peerID
    self.port = port
    self.uploaded = uploaded
    self.downloaded = downloaded
    self.left = left
    self.event = event
    self.wanted = wanted
    self.key = key
    self.trackerID = trackerID
    self.acceptsCompact = acceptsCompact
    self.claimedAddresses = claimedAddresses
  }

  /// The query that says this, without a question mark.
  public var query: String {
    var query = "info_hash=\(QueryString.encoded(infoHash.bytes))&peer_id=\(QueryString.encoded(peerID))"
    query += "&port=\(port)&uploaded=\(uploaded)&downloaded=\(downloaded)&left=\(left)"
    query += "&compact=\(acceptsCompact ? 1 : 0)"
    if let wanted { query += "&numwant=\(wanted)" }
    if let key {
      let digits = String(key, radix: 16)
      query += "&key=\(String(repeating: "0", count: 8 - digits.count))\(digits)"
    }
    if event != .regular { query += "&event=\(event.rawValue)" }
    if let trackerID { query += "&trackerid=\(QueryString.encoded(trackerID))" }
    for address in claimedAddresses {
      query += "&\(address.isV4 ? "ipv4" : "ipv6")=\(QueryString.encoded(address.description.utf8))"
    }
    return query
  }

  /// The URL to get: the tracker's own, with this announce added to its query.
  public func url(on tracker: String) -> String { QueryString.append(query, to: tracker) }
}
