/// The number of a connected peer inside one torrent: dense from 0, so that what is kept per peer lies in
/// arrays. The torrent hands a slot out when a peer connects and may reuse it once the peer has left.
struct PeerSlot: Hashable, Sendable {
  /// The number itself, 0 or more.
  let rawValue: Int32

  /// The slot numbered `rawValue`.
  init(_ rawValue: Int32) { self.rawValue = rawValue }

  /// The number as an index into the arrays kept per peer.
  var index: Int { Int(rawValue) }
}
