import Glibc
import TestSupport
import Testing

/// A seed and a leecher, each behind a translator that lets nobody in, and somebody in public whom both know, who is
/// too slow to get anything: nothing moves but through the holes that he has them punch (BEP 55). The seed does not
/// learn of the leecher, so that the two do not meet by trying at the same time by chance.
@Suite(
  .serialized, .throttled, .enabled(if: TranslatedNetwork.isAvailable, "needs scripts/test and nftables"))
struct HolePunchingTests {
  struct Cast: Sendable, CustomTestStringConvertible {
    var relay = ClientKind.apus
    var seed = ClientKind.apus
    var leecher = ClientKind.apus
    var testDescription: String { "\(relay) between \(seed) and \(leecher)" }
  }

  @Test(
    .timeLimit(.minutes(3)),
    arguments: [
      Cast(), Cast(relay: .libtorrent), Cast(seed: .libtorrent), Cast(leecher: .libtorrent),
    ])
  func thoseWhoCannotReachEachOtherMeet(_ cast: Cast) async throws {
    try await withStage { stage in
      let (leecher, target, torrent) = try await start(cast, on: stage)
      try await eventually("the leecher has everything", within: .seconds(150)) {
        leecher.status == .exited(0) || leecher.output.contains("finished\n")
      }
      #expect(try torrent.faults(in: target) == [])
      if cast.leecher == .apus { #expect(leecher.output.contains("\"transport\":\"utp\"")) }
    }
  }

  /// What shows that the others needed it.
  @Test(.timeLimit(.minutes(1)))
  func withoutItTheyDoNot() async throws {
    try await withStage { stage in
      let (leecher, _, _) = try await start(Cast(), ["--no-holepunch"], on: stage)
      try await Task.sleep(for: .seconds(12))
      #expect(leecher.status == nil)
    }
  }

  private func start(_ cast: Cast, _ more: [String] = [], on stage: Stage) async throws -> (
    leecher: ChildProcess, target: String, torrent: TestTorrent
  ) {
    let network = try await TranslatedNetwork(on: stage)
    let torrent = TestTorrent(size: 4 << 20)
    let path = try torrent.write(to: stage.folder["payload.torrent"])
    let source = try stage.folder.folder("source")
    try torrent.writeContent(in: source)
    let target = try stage.folder.folder("target")
    func start(
      _ kind: ClientKind, _ command: String, _ folder: String, _ address: String,
      _ place: TranslatedNetwork.Place
    ) throws -> ChildProcess {
      let isRelay = place == .outside
      let peers = isRelay ? [] : ["--peer", "10.66.0.1:7000"]
      if kind == .libtorrent {
        return try network.start(
          "/usr/bin/python3",
          Libtorrent.arguments(path, in: folder, at: address) + peers
            + ["--utp"] + (isRelay ? ["--slow"] : place == .first ? ["--no-pex"] : []), at: place)
      }
      return try network.start(
        ApusClient.executable,
        [command, path, "--dir", folder, "--listen", address, "--json", "--no-lsd", "--no-dht"] + peers + more
          + (isRelay ? ["--limit-down", "1K", "--limit-up", "1K"] : place == .first ? ["--no-pex"] : []),
        at: place)
    }
    _ = try start(cast.relay, "download", try stage.folder.folder("relay"), "10.66.0.1:7000", .outside)
    _ = try start(cast.seed, "seed", source, "192.168.1.2:7001", .first)
    return (try start(cast.leecher, "download", target, "192.168.2.2:7002", .second), target, torrent)
  }
}
