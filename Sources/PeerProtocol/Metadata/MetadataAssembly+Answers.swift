import Bytes

extension MetadataAssembly {
  /// A piece came from a peer, who says that the whole has `total` bytes.
  public mutating func received(_ piece: Int, total: Int, _ bytes: RawSpan, from number: Int) -> Outcome {
    guard let peer = peers[number] else { return .unrequested }
    guard total == peer.size, let range = MetadataMessage.range(of: piece, size: peer.size),
      range.count == bytes.byteCount
    else { return .contradiction }
    guard peer.asked.contains(where: { $0.piece == piece }) else { return .unrequested }
    forget(piece, of: number)
    peers[number]?.failures = 0
    let isWanted = drafts[peer.group].map { !$0.isWhole && $0.pieces[piece].sender < 0 } ?? false
    guard isWanted else { return .taken }
    drafts[peer.group]?.take(piece, bytes, from: number)
    guard let draft = drafts[peer.group], draft.isWhole else { return .taken }
    return .whole(Copy(number: draft.number, bytes: draft.pieces.flatMap(\.bytes)))
  }

  /// A peer refuses a piece.
  public mutating func rejected(_ piece: Int, by number: Int, now: UInt64) -> Outcome {
    guard let peer = peers[number], peer.asked.contains(where: { $0.piece == piece }) else {
      return .unrequested
    }
    forget(piece, of: number)
    return failed(number, now: now) ? .useless : .taken
  }
}

extension MetadataAssembly.Draft {
  fileprivate mutating func take(_ piece: Int, _ bytes: RawSpan, from number: Int) {
    pieces[piece].bytes = bytes.array(0..<bytes.byteCount)
    pieces[piece].sender = number
    held += bytes.byteCount
    missing -= 1
    isWhole = missing == 0
  }
}
