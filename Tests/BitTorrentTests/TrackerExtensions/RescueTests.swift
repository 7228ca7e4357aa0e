import Addresses
import Digest
import Foundation
import Metainfo
import TestSupport
import Testing
import TrackerProtocol
import TrackerServer

@testable import BitTorrent

/// A tracker that knows who has which piece, and sessions that tell it and ask it.
@Suite(.serialized, .timeLimit(.minutes(1))) struct RescueTests {
  /// Peers that know each other only through the tracker.
  private func quiet(_ configuration: inout SessionConfiguration) {
    configuration.dht.isEnabled = false
    configuration.peerExchange = false
    configuration.usesUTP = false
    configuration.rescueAfter = 0.5
  }

  private func tracker(_ configure: (inout TrackerConfiguration) -> Void = { _ in }) throws -> Tracker {
    var configuration = TrackerConfiguration(listen: [Endpoint(.loopbackV4, port: 0)], interval: 1800)
    configuration.pieceInterval = 1
    configure(&configuration)
    return try Tracker(configuration)
  }

  private func holders(of piece: Int, _ info: Info, at url: String) async throws -> Set<UInt16> {
    var query = ExtensionQuery()
    query.need = [piece]
    let request = AnnounceRequest(
      infoHash: info.infoHash, peerID: [UInt8](repeating: 65, count: 20), port: .random(in: 1...1023),
      left: 0,
      wanted: 0)
    let target = query.url(on: request.url(on: url))
    let path = String(target.dropFirst("http://127.0.0.1:".count).drop { $0 != "/" })
    let port = try #require(Endpoint("\(target.dropFirst(7).prefix { $0 != "/" })")).port
    let answer = try await onThread {
      try HTTPExchange("GET", path, at: TestAddress(ip: "127.0.0.1", port: port))
    }
    let reply = try AnnounceReply(answer.body)
    return Set(reply.extensions?.holders[piece]?.map { $0.port } ?? [])
  }

  /// Ten peers: the source and eight others have all but one piece, the tenth has that, and connects to nobody.
  @Test(arguments: [true, false])
  func aPieceThatNoNeighbourHasIsFoundThroughTheTracker(_ speaks: Bool) async throws {
    let tracker = try tracker()
    defer { tracker.stop() }
    let endpoint = try #require(tracker.endpoints.first)
    try await SwarmStage.with([(path: "a", size: 20 * 32_768)]) { stage in
      var metainfo = stage.metainfo
      metainfo.trackers = [["http://\(endpoint)/announce"]]
      // The source's copy has a hole.
      let folder = URL(fileURLWithPath: stage.downloadFolder("source"))
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      let copy = folder.appendingPathComponent("payload")
      try FileManager.default.copyItem(at: stage.content, to: copy)
      let file = try FileHandle(forWritingTo: copy.appendingPathComponent("a"))
      try file.seek(toOffset: 7 * 32_768 + 5)
      try file.write(contentsOf: Data(repeating: 0, count: 100))
      try file.close()

      var sessions: [Session] = []
      var handles: [TorrentHandle] = []
      for number in 0..<9 {
        let session = try await SwarmStage.session { configuration in
          quiet(&configuration)
          configuration.trackerExtensions = speaks
        }
        sessions.append(session)
        let options = AddOptions(directory: stage.downloadFolder(number == 0 ? "source" : "copy-\(number)"))
        handles.append(try await session.add(metainfo, options))
      }
      for handle in handles {
        try await eventually("all but one piece is there", within: .seconds(20)) {
          await handle.status().piecesHave == 19
        }
      }
      let holder = try await SwarmStage.session { configuration in
        quiet(&configuration)
        configuration.halfOpen = 0
      }
      _ = try await holder.add(metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      if speaks {
        for handle in handles { _ = try await handle.waitUntilComplete() }
        try stage.compare("copy-3")
      } else {
        // Without the extension they wait for the next announce, in half an hour.
        try await Task.sleep(for: .seconds(3))
        for handle in handles { #expect(await handle.status().piecesHave == 19) }
      }
      for session in sessions + [holder] { await session.stop() }
    }
  }

  @Test func aPieceThatCannotBeReadIsReported() async throws {
    let tracker = try tracker()
    defer { tracker.stop() }
    let endpoint = try #require(tracker.endpoints.first)
    let url = "http://\(endpoint)/announce"
    try await SwarmStage.with([(path: "a", size: 20 * 32_768)]) { stage in
      var metainfo = stage.metainfo
      metainfo.trackers = [[url]]
      let seeder = try await SwarmStage.session(quiet)
      _ = try await seeder.add(metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      let port = seeder.listening[0].port
      let info = metainfo.info
      try await eventually("the tracker knows what the seeder has", within: .seconds(15)) {
        try await holders(of: 19, info, at: url) == [port]
      }
      // Somebody cuts the file short; whoever asks for its end lets the seeder notice.
      let file = try FileHandle(forWritingTo: stage.content.appendingPathComponent("a"))
      try file.truncate(atOffset: 19 * 32_768)
      try file.close()
      let leech = try await SwarmStage.session(quiet)
      _ = try await leech.add(metainfo, AddOptions(directory: stage.downloadFolder("copy")))
      try await eventually("the tracker knows that it is lost", within: .seconds(15)) {
        try await holders(of: 19, info, at: url).isEmpty
      }
      #expect(try await holders(of: 3, info, at: url).contains(port))
      await leech.stop()
      await seeder.stop()
    }
  }
}
