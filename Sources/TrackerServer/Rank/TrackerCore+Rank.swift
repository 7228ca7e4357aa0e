import Addresses
import Bytes
import TrackerProtocol

// The order of the peers in a reply (X4 of docs/EXTENSIONS.md).
extension TrackerCore {
  /// Learns from an announce, and mixes those that give most into a reply whose peers the table chose at random: three
  /// quarters of it for a client that asked, half of it for others, who do not know. Only where somebody asked.
  func rank(_ announcement: borrowing Announcement, now: UInt32, random: UInt64, _ reply: inout SwarmReply) {
    let book = extensions.rank
    let (hash, peer, asks) = (announcement.infoHash, announcement.peer, announcement.isRanked)
    guard announcement.event != .stopped else { return book.leave(peer, hash) }
    let isSeed = announcement.left == 0
    book.note(
      RankBook.Report(
        peer: peer, isSeed: isSeed, uploaded: announcement.uploaded, downloaded: announcement.downloaded,
        bandwidth: announcement.bandwidth),
      in: hash, asks: asks, now: now)
    let given = reply.peersV4.count / PeerAddress.sizeV4 + reply.peersV6.count / PeerAddress.sizeV6
    // Only what has been cut is a choice, but who asked wants its order all the same.
    let isChoice = given < reply.counts.seeds + reply.counts.leeches - 1
    guard given > 1, isChoice || asks else { return }
    var dice = Dice(state: random ^ 0x5eed)
    let share = asks ? given - given / 4 : given / 2
    let isPaused = announcement.event == .paused
    let leechesOnly = isSeed || isPaused
    let best = book.pick(share, for: peer, leechesOnly: leechesOnly, in: hash, now: now, using: &dice)
    guard !best.isEmpty else { return }
    reply.putFirst(best, of: given)
  }
}

extension SwarmReply {
  /// Puts peers in front of those that are there, without repeating them, `count` in all.
  mutating func putFirst(_ best: [Endpoint], of count: Int) {
    let first = Set(best)
    var all = best
    for (bytes, isV6) in [(peersV4, false), (peersV6, true)] {
      for offset in stride(from: 0, to: bytes.count, by: PeerAddress.size(isV6: isV6)) {
        let peer = Endpoint(compact: bytes.rawBytes, at: offset, isV6: isV6)
        if !first.contains(peer) { all.append(peer) }
      }
    }
    peersV4.removeAll(keepingCapacity: true)
    peersV6.removeAll(keepingCapacity: true)
    for peer in all.prefix(count) {
      if peer.address.isV4 { peer.appendCompact(to: &peersV4) } else { peer.appendCompact(to: &peersV6) }
    }
  }
}
