import Addresses
import Digest

@testable import BitTorrent
@testable import TrackerServer

/// The tracker's own rank book in a simulated swarm, put to the same use as `TrackerCore` puts it to.
final class SimulatedRanks {
  private let book: RankBook?
  private let hash: InfoHash
  private var random = SeededGenerator(seed: 1)

  init(_ scenario: Scenario) {
    hash = SHA1.hash([UInt8](scenario.name.utf8).span.bytes)
    guard scenario.isRanked else {
      book = nil
      return
    }
    var limits = RankBook.Limits()
    limits.shortest = UInt32((scenario.announceInterval ?? 10) / 2)
    limits.refresh = 1
    book = RankBook(limits: limits, shards: 1)
  }

  private func endpoint(_ number: Int) -> Endpoint {
    Endpoint(IPAddress(v4: 0x0808_0000 + UInt32(number)), port: 6881)
  }

  /// Takes in what a peer announces and mixes the best into those that were chosen at random.
  func put(_ peer: SimulatedPeer, _ chosen: [Int], isChoice: Bool, in swarm: Swarm) -> [Int] {
    guard let book else { return chosen }
    let now = UInt32(swarm.seconds)
    let sent = peer.member.character == .forger ? Int(now) * 1_000_000_000 : peer.blocksSent * Block.size
    book.note(
      RankBook.Report(
        peer: endpoint(peer.number), isSeed: peer.have.isFull, uploaded: UInt64(sent),
        downloaded: UInt64(peer.received * Block.size)),
      in: hash, asks: true, now: now)
    guard isChoice else { return chosen }
    let share = peer.member.asksForBest ? chosen.count - chosen.count / 4 : chosen.count / 2
    let best = book.pick(
      share, for: endpoint(peer.number), leechesOnly: peer.have.isFull, in: hash, now: now, using: &random
    ).map { Int($0.address.v4) - 0x0808_0000 }
    return Array((best + chosen.filter { !best.contains($0) }).prefix(chosen.count))
  }
}
