import EventLoop

@testable import BitTorrent

/// Choker rounds, one in ten seconds a torrent.
enum Choking {
  static let all = [100, 500].flatMap {
    [round(peers: $0, isSeeding: false), round(peers: $0, isSeeding: true)]
  }

  private static func round(peers: Int, isSeeding: Bool) -> Benchmark {
    Benchmark(
      "choker: a round of \(peers) peers, \(isSeeding ? "seeding" : "downloading")",
      operations: 100
    ) {
      var random = SeededGenerator(seed: 1)
      var now = Instant(nanoseconds: 1_000_000_000)
      var choker = Choker(pieceLength: 1 << 20, random: SeededGenerator(seed: 2))
      var all = (0..<peers).map { number in
        ChokerPeer(slot: PeerSlot(Int32(number)), isInterested: number % 4 > 0)
      }
      for peer in all { choker.joined(peer.slot, now: now) }
      return { count in
        for _ in 0..<count {
          now = now + Choker.round
          for index in all.indices {
            all[index].downloadRate = Double(random.number(below: 1 << 20))
            all[index].uploadRate = Double(random.number(below: 1 << 20))
            all[index].uploaded += 1 << 20
          }
          let told = choker.rechoke(peers: all, now: now, slots: 20, isSeeding: isSeeding)
          use(told.choke.count + told.unchoke.count)
        }
      }
    }
  }
}
