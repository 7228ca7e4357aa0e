import TestSupport
import Testing

/// A swarm without a tracker: a seed and a leecher that both know only one peer, which has nothing and is too slow
/// to get it; it tells them of each other (BEP 11).
@Suite(.throttled)
struct PeerExchangeTests {
  /// Who plays which part.
  struct Cast: Sendable, CustomTestStringConvertible {
    var hub: ClientKind
    var seed: ClientKind
    var leecher: ClientKind
    var testDescription: String { "\(hub) between \(seed) and \(leecher)" }
  }

  @Test(
    .timeLimit(.minutes(3)),
    arguments: [
      Cast(hub: .apus, seed: .apus, leecher: .apus), Cast(hub: .apus, seed: .apus, leecher: .libtorrent),
      Cast(hub: .apus, seed: .libtorrent, leecher: .apus),
      Cast(hub: .libtorrent, seed: .apus, leecher: .apus),
    ])
  func aSwarmCompletesAfterOneKnownPeer(_ cast: Cast) async throws {
    try await withStage { stage in
      let torrent = TestTorrent(size: 4 << 20)
      let path = try torrent.write(to: stage.folder["payload.torrent"])
      let source = try stage.folder.folder("source")
      try torrent.writeContent(in: source)
      let hub = TestNetwork.address()
      try start(cast.hub, "download", path, try stage.folder.folder("hub"), hub, nil, isSlow: true, on: stage)
      _ = try start(cast.seed, "seed", path, source, TestNetwork.address(), hub, on: stage)
      let target = try stage.folder.folder("target")
      let leecher = try start(cast.leecher, "download", path, target, TestNetwork.address(), hub, on: stage)
      try await eventually("the leecher has everything", within: .seconds(150)) {
        leecher.status == .exited(0) || leecher.output.contains("finished\n")
      }
      #expect(try torrent.faults(in: target) == [])
    }
  }

  @discardableResult
  private func start(
    _ kind: ClientKind, _ command: String, _ torrent: String, _ folder: String, _ address: TestAddress,
    _ peer: TestAddress?, isSlow: Bool = false, on stage: Stage
  ) throws -> ChildProcess {
    let peers = peer.map { ["--peer", "\($0)"] } ?? []
    if kind == .libtorrent {
      return try stage.start(
        "/usr/bin/python3",
        Libtorrent.arguments(torrent, in: folder, at: "\(address)") + peers + (isSlow ? ["--slow"] : []))
    }
    return try stage.start(
      ApusClient.executable,
      [command, torrent, "--dir", folder, "--listen", "\(address)", "--json", "--no-lsd"] + peers
        + (isSlow ? ["--limit-down", "1K", "--limit-up", "1K"] : []))
  }
}
