import Foundation
import TestSupport
import Testing

/// `--blocklist`: what is read from where, and what is said of it.
@Suite(.throttled) struct BlocklistOptionTests {
  private func download(_ stage: Stage, _ lists: [String], peers: [String] = []) throws -> ChildProcess {
    let torrent = try TestTorrent(size: 100_000).write(to: stage.folder["payload.torrent"])
    let options = lists.flatMap { ["--blocklist", $0] } + peers.flatMap { ["--peer", $0] }
    return try stage.start(
      ApusClient.executable,
      [
        "download", torrent, "--dir", stage.folder["target"], "--listen", "\(TestNetwork.address())",
        "--json",
      ]
        + options)
  }

  @Test(
    .timeLimit(.minutes(1)),
    arguments: [
      (nil, "cannot read the blocklist"), ("<html>\nNot Found\n", "is no blocklist"),
      ("\u{1f}not gzip at all", "is no blocklist"),
    ] as [(String?, String)])
  func aListThatCannotBeReadEndsTheCommand(text: String?, words: String) async throws {
    try await withStage { stage in
      let path = stage.folder["list.txt"]
      try text?.write(toFile: path, atomically: true, encoding: .utf8)
      let run = try download(stage, [path])
      #expect(try await run.waitForExit() == .exited(1))
      #expect(run.tail.contains(words), "\(run.tail)")
    }
  }

  @Test(.timeLimit(.minutes(1)))
  func listsFromFilesAndTheWebHoldAndTheirFaultsAreTold() async throws {
    try await withStage { stage in
      // Nobody may connect there.
      let blocked = [try stage.server { $0.close() }, try stage.server { $0.close() }]
      let allowed = try stage.server { $0.close() }
      let path = stage.folder["list.txt"]
      try "bad:\(blocked[0].address.ip)-\(blocked[0].address.ip)\nhello\n".write(
        toFile: path, atomically: true, encoding: .utf8)
      let list = "\(blocked[1].address.ip)/32\n"
      let web = try stage.server { connection in
        guard (try? connection.receive(upTo: 4096)) != nil else { return }
        try? connection.send(Array("HTTP/1.0 200 OK\r\nContent-Length: \(list.count)\r\n\r\n\(list)".utf8))
        connection.close()
      }
      let peers = (blocked + [allowed]).map { "\($0.address)" }
      let run = try download(stage, [path, "http://\(web.address)/list"], peers: peers)
      try await eventually("somebody is connected to") { allowed.accepted > 0 }
      #expect(blocked.map(\.accepted) == [0, 0])
      let errors = try String(contentsOfFile: run.errorPath, encoding: .utf8)
      #expect(errors.contains("one line was not understood, the first is line 2: 'hello'"))
      // Read again when it changes.
      try "\(allowed.address.ip)\n".write(toFile: path, atomically: true, encoding: .utf8)
      try await eventually("who is not on it any more is connected to", within: .seconds(40)) {
        blocked[0].accepted > 0
      }
      #expect(blocked[1].accepted == 0)
    }
  }
}
