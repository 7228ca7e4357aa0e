extension MetadataAssembly {
  /// The piece to ask a peer for now; `nil` if there is none. It counts as asked for.
  public mutating func next(for number: Int, now: UInt64) -> Int? {
    guard let peer = peers[number], peer.asked.count < limits.perPeer, peer.pausedUntil <= now,
      let draft = drafts[peer.group], !draft.isWhole, mayGrow(draft)
    else { return nil }
    var best: (piece: Int, rivals: Int)?
    for (index, piece) in draft.pieces.enumerated()
    where piece.sender < 0 && !piece.asked.contains(where: { $0.peer == number }) {
      let rivals = piece.asked.count { $0.since + limits.grace > now }
      guard rivals < limits.duplicates else { continue }
      if let found = best, found.rivals <= rivals { continue }
      best = (index, rivals)
      if piece.asked.isEmpty { break }
    }
    // A second one is asked only when it has nothing else to do.
    guard let best, best.rivals == 0 || peer.asked.isEmpty else { return nil }
    peers[number]?.asked.append((best.piece, now + limits.timeout))
    drafts[peer.group]?.pieces[best.piece].asked.append((number, now))
    return best.piece
  }

  /// Takes requests back that were not answered in time.
  ///
  /// - Returns: peers that have been given up.
  public mutating func expire(now: UInt64) -> [Int] {
    var useless: [Int] = []
    for (number, peer) in peers {
      let lost = peer.asked.filter { $0.deadline <= now }
      guard !lost.isEmpty else { continue }
      for (piece, _) in lost { forget(piece, of: number) }
      // However many were lost together, it was one silence.
      if failed(number, now: now) { useless.append(number) }
    }
    return useless
  }

  /// When `expire` or `next` may have something to do without anything coming in.
  public var nextDeadline: UInt64? {
    peers.values.lazy.flatMap { peer in
      peer.asked.map(\.deadline) + (peer.pausedUntil > 0 && peer.asked.isEmpty ? [peer.pausedUntil] : [])
    }.min()
  }

  /// Whether a copy may take more memory: the one with most peers always, others while all together
  /// hold less than two whole ones.
  private func mayGrow(_ draft: Draft) -> Bool {
    if heldBytes + MetadataMessage.pieceSize <= 2 * limits.size { return true }
    let most = drafts.values.max { ($0.members.count, $1.number) < ($1.members.count, $0.number) }
    return most?.number == draft.number
  }

  /// A request of a peer is over.
  mutating func forget(_ piece: Int, of number: Int) {
    guard let peer = peers[number] else { return }
    peers[number]?.asked.removeAll { $0.piece == piece }
    drafts[peer.group]?.pieces[piece].asked.removeAll { $0.peer == number }
  }

  /// A peer did not answer; whether it has had its chances.
  mutating func failed(_ number: Int, now: UInt64) -> Bool {
    guard var peer = peers[number] else { return false }
    peer.failures += 1
    peer.pausedUntil = now + limits.patience
    peers[number] = peer
    return peer.failures >= limits.failures
  }
}
