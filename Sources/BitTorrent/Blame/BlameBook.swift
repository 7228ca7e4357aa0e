import Digest

/// Finds out who sent wrong data for a piece that only a hash over all of it covers (v1).
///
/// When a piece fails, who sent each block and the block's digest are written down. A piece with one sender
/// names it at once; so does a sender that sends two different versions of one block. Once the piece passes,
/// whoever had sent a block that differs from the right one is named. Bounded: the oldest records go first.
/// `Sender` should outlive a connection, such as the peer's address.
struct BlameBook<Sender: Hashable & Sendable>: Sendable {
  private struct Attempt: Sendable {
    var senders: [Sender?]
    var digests: [SHA256Digest]
  }

  /// Blocks on record, at most.
  let maximumBlocks: Int
  /// Failures on record of one piece, at most.
  private let maximumAttempts = 4
  private var attempts: [Int: [Attempt]] = [:]
  private var pieces: [Int] = []
  /// Blocks on record.
  private(set) var blockCount = 0

  /// An empty book. 32,768 blocks are about 2 MiB.
  init(maximumBlocks: Int = 32_768) { self.maximumBlocks = maximumBlocks }

  /// Whether `piece` failed and is on record, so that `passed` wants its digests. O(1).
  func isOnRecord(_ piece: Int) -> Bool { attempts[piece] != nil }

  /// `piece` failed its check.
  ///
  /// - Parameters:
  ///   - piece: the piece.
  ///   - senders: who sent each block; `nil` where it is not known or not a peer.
  ///   - digests: of each block, as many.
  /// - Returns: who lied for certain.
  mutating func failed(_ piece: Int, senders: [Sender?], digests: [SHA256Digest]) -> [Sender] {
    precondition(senders.count == digests.count)
    if let first = senders.first, let sender = first, senders.allSatisfy({ $0 == sender }) { return [sender] }
    var liars: Set<Sender> = []
    for attempt in attempts[piece] ?? [] where attempt.digests.count == digests.count {
      for (index, sender) in senders.enumerated() {
        guard let sender, sender == attempt.senders[index], digests[index] != attempt.digests[index]
        else { continue }
        liars.insert(sender)
      }
    }
    record(piece, Attempt(senders: senders, digests: digests))
    return [Sender](liars)
  }

  /// `piece` passed; its record is dropped.
  ///
  /// - Parameters:
  ///   - piece: the piece.
  ///   - digests: of each block, now that they are right.
  /// - Returns: who had sent other data for one of its blocks.
  mutating func passed(_ piece: Int, digests: [SHA256Digest]) -> [Sender] {
    var liars: Set<Sender> = []
    for attempt in attempts[piece] ?? [] where attempt.digests.count == digests.count {
      for (index, sender) in attempt.senders.enumerated() where attempt.digests[index] != digests[index] {
        if let sender { liars.insert(sender) }
      }
    }
    forget(piece)
    return [Sender](liars)
  }

  private mutating func record(_ piece: Int, _ attempt: Attempt) {
    let isNew = attempts[piece] == nil
    if isNew { pieces.append(piece) }
    attempts[piece, default: []].append(attempt)
    blockCount += attempt.digests.count
    if let list = attempts[piece], list.count > maximumAttempts {
      blockCount -= list[0].digests.count
      attempts[piece]?.removeFirst()
    }
    while blockCount > maximumBlocks, let oldest = pieces.first { forget(oldest) }
  }

  private mutating func forget(_ piece: Int) {
    guard let list = attempts.removeValue(forKey: piece) else { return }
    blockCount -= list.reduce(0) { $0 + $1.digests.count }
    pieces.removeAll { $0 == piece }
  }
}
