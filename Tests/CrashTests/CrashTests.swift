import Foundation
import TestSupport
import Testing

/// A downloader that is killed with SIGKILL, again and again.
///
/// The environment chooses more: APUS_CRASH_KILLS (25) and APUS_CRASH_SEED (a new one each time).
@Suite(.serialized, .throttled)
struct CrashTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let kills = environment["APUS_CRASH_KILLS"].flatMap { Int($0) } ?? 25
  private static let seed =
    environment["APUS_CRASH_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1_000_000)

  /// Never a wrong byte served or kept, never a full check, never more than an epoch fetched twice.
  ///
  /// The seeder is slow, so that a download of 256 MiB lasts for about 40 kills; when it is done before
  /// all kills are, the next begins.
  @Test(.timeLimit(.minutes(60)))
  func everyKillCostsAnEpochAtMost() async throws {
    print("crash test: \(Self.kills) kills, APUS_CRASH_SEED=\(Self.seed)")
    var random = SplitMix64(state: Self.seed)
    var total = CrashTally()
    let torrent = TestTorrent(size: (256 << 20) - 12345, pieceLength: 256 << 10)
    while total.kills < Self.kills {
      try await withStage { stage in
        try await download(torrent, kills: Self.kills - total.kills, &random, &total, on: stage)
      }
    }
    print("crash test: \(total.summary)")
  }

  private func download(
    _ torrent: TestTorrent, kills: Int, _ random: inout SplitMix64, _ total: inout CrashTally, on stage: Stage
  ) async throws {
    let seeder = try HonestSeeder(torrent, on: stage, bytesPerSecond: 32 << 20)
    let path = try torrent.write(to: stage.folder["payload.torrent"])
    let target = try stage.folder.folder("target")
    let leecher = ApusClient(on: stage, peers: [seeder.address])
    let watcher = WatchingPeer(torrent, at: leecher.address)
    var left = kills
    // What a kill may cost: the pieces that came since the last epoch, which takes a second at most.
    var doubtful: Set<Int> = []
    var allowance = 0
    while true {
      let process = try leecher.start([
        "download", path, "--dir", target, "--listen", "\(leecher.address)", "--peer", "\(seeder.address)",
        "--json", "--event-interval", "0.02s",
      ])
      if left > 0 {
        try await Task.sleep(for: .milliseconds(Int.random(in: 50...400, using: &random)))
        process.kill(SIGKILL)
      } else {
        seeder.setRate(1 << 30)
      }
      let status = try await process.waitForExit(within: .seconds(120))
      // However little it has done, it has not begun anew.
      if let checked = CrashTally.checkedPieces(in: process.output) {
        total.checked += checked
        #expect(checked <= doubtful.count, "a start checked \(checked) pieces")
      }
      if status == .exited(0) { break }
      try #require(status == .signalled(SIGKILL), "\(process.tail)")
      left -= 1
      total.kills += 1
      doubtful = seeder.pieces(since: .now - .seconds(1))
      allowance += doubtful.count * torrent.pieceLength
    }
    try await watcher.stop()
    #expect(try torrent.faults(in: target) == [])
    let seen = watcher.seen
    #expect(seen.faults == [])
    #expect(seen.blocks > 0)
    #expect(seeder.servedBytes <= torrent.size + allowance)
    total.add(size: torrent.size, fetched: seeder.servedBytes, compared: seen.blocks)
  }
}

/// What all kills together have cost.
struct CrashTally {
  var kills = 0
  var checked = 0
  private var size = 0
  private var fetched = 0
  private var compared = 0

  mutating func add(size: Int, fetched: Int, compared: Int) {
    self.size += size
    self.fetched += fetched
    self.compared += compared
  }

  /// One line.
  var summary: String {
    let percent = Double(fetched - size) * 100 / Double(max(size, 1))
    return
      "\(kills) kills; \(fetched) bytes fetched for \(size) (\(String(format: "%.2f", percent)) % twice); "
      + "\(checked) pieces checked at starts; \(compared) blocks that were served meanwhile compared"
  }

  /// The pieces that a run has checked when it began, if it came to say so.
  static func checkedPieces(in events: String) -> Int? {
    for line in events.split(separator: "\n").reversed() {
      let event = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      guard let event, event["state"] as? String != "checking" else { continue }
      if let checked = event["checked_pieces"] as? Int { return checked }
    }
    return nil
  }
}

/// A generator that gives the same numbers for the same state.
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
