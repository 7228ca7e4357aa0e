import Addresses
import Digest
internal import Synchronization
import TrackerProtocol

/// What the tracker keeps for clients that speak its extensions (docs/EXTENSIONS.md), beside the table. Clients that
/// do not, cost one load of an atomic an announce.
final class TrackerExtensions: Sendable {
  let pieces: PieceBook
  let nodes: NodeBook
  let rank: RankBook
  let names: NameBook
  /// Torrents that one batch may have.
  let batchLimit: Int
  private let nextShard = Atomic<Int>(0)

  init(_ configuration: TrackerConfiguration) {
    var limits = PieceBook.Limits()
    limits.memory = configuration.pieceMemory
    limits.interval = UInt32(clamping: configuration.pieceInterval)
    limits.lifetime = configuration.limits.peerLifetime
    pieces = PieceBook(limits: limits)
    var nodeLimits = NodeBook.Limits()
    nodeLimits.entries = configuration.batchMemory / 48
    nodeLimits.lifetime = configuration.limits.peerLifetime
    nodes = NodeBook(limits: nodeLimits)
    var rankLimits = RankBook.Limits()
    rankLimits.memory = configuration.rankMemory
    rankLimits.lifetime = configuration.limits.peerLifetime
    rank = RankBook(limits: rankLimits)
    names = NameBook(lifetime: configuration.limits.peerLifetime)
    batchLimit = configuration.batchLimit
  }

  /// What an announce that the core took gets beyond the reply of every tracker.
  func answer(_ query: ExtensionQuery, to announcement: borrowing Announcement, now: UInt32)
    -> ReplyExtensions
  {
    var answer = ReplyExtensions()
    answer.batch = batchLimit
    let leaves = announcement.event == .stopped
    answer.isRanked = query.isRanked && rank.limits.memory > 0 && !leaves
    if let name = query.name { names.note(name, of: announcement.peer, now: now) }
    let keepsPieces = pieces.limits.memory > 0
    if keepsPieces { answer.pieceInterval = Int(pieces.limits.interval) }
    guard !leaves else {
      pieces.leave(announcement.peer, announcement.infoHash)
      return answer
    }
    guard keepsPieces else { return answer }
    let found = pieces.take(query, of: announcement.peer, in: announcement.infoHash, now: now)
    answer.wantsAll = found.wantsAll
    answer.holders = found.holders
    return answer
  }

  /// Forgets what is old, a part at a time. Called some times a second.
  func sweep(now: UInt32) {
    let turn = nextShard.add(1, ordering: .relaxed).oldValue
    pieces.sweep(shard: turn % pieces.shardCount, now: now)
    rank.sweep(shard: turn % rank.shardCount, now: now)
    if turn % pieces.shardCount == 0 {
      nodes.sweep(now: now)
      names.sweep(now: now)
    }
  }
}
