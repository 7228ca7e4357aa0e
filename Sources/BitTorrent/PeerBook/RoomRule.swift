/// Whom to let go of for a newcomer when there is room for no more connections.
enum RoomRule {
  /// What counts of a peer.
  struct Peer {
    /// Seconds since payload moved, or since it came.
    var idleSeconds: Double
    /// Whether payload ever moved.
    var wasUseful: Bool
    /// The rank of the connection (BEP 40).
    var priority: UInt32
  }

  /// Seconds without payload after which a peer is of no use: those for one that never was, for one that
  /// was, and after which one counts as idle.
  private static let patience = (new: 10.0, useful: 60.0, idle: 10.0)

  /// The peer to close: the one that has been of no use for longest; if all are of use, the one of lowest
  /// rank where nothing moves, if the newcomer's is higher. That nothing moves is seen on both ends, and so
  /// is the rank: both agree, and no transfer is cut short. `nil` if the newcomer is to be refused.
  static func choose(_ peers: [Peer], newcomer: UInt32) -> Int? {
    let useless = peers.indices.filter {
      peers[$0].idleSeconds > (peers[$0].wasUseful ? patience.useful : patience.new)
    }
    if let worst = useless.max(by: { peers[$0].idleSeconds < peers[$1].idleSeconds }) { return worst }
    return peers.indices.filter { peers[$0].idleSeconds > patience.idle && peers[$0].priority < newcomer }
      .min { peers[$0].priority < peers[$1].priority }
  }
}
