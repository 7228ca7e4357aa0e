import Addresses

/// Where the senders of blocks were that have left since, so that a liar is refused when a piece turns
/// out bad after it has gone. Bounded: the oldest are forgotten.
struct SenderBook {
  private static let limit = 1000
  private var gone: [(serial: UInt32, endpoint: Endpoint)] = []

  /// A peer that sent blocks leaves.
  mutating func left(_ peer: PeerConnection) {
    guard peer.downloaded > 0 else { return }
    if gone.count >= Self.limit { gone.removeFirst(Self.limit / 2) }
    gone.append((peer.serial, peer.endpoint))
  }

  /// The address of a sender that left.
  func endpoint(_ serial: UInt32) -> Endpoint? {
    gone.last { $0.serial == serial }?.endpoint
  }
}
