/// What the choker is told of one connected peer.
struct ChokerPeer: Sendable {
  /// The peer.
  let slot: PeerSlot
  /// Whether it wants something of us.
  var isInterested = false
  /// Whether it has sent nothing for a minute while we had requests out (anti-snubbing, BEP 3).
  var isSnubbed = false
  /// Bytes a second that it sends us, measured over a round or so.
  var downloadRate = 0.0
  /// Bytes a second that we send it.
  var uploadRate = 0.0
  /// Pieces that it has.
  var pieces = 0
  /// Payload bytes that we have sent it so far.
  var uploaded: Int64 = 0
}
