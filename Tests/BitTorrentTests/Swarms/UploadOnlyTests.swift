import Bencode
import BitTorrent
import Foundation
import Metainfo
import TestSupport
import Testing

/// Peers that want nothing say so (BEP 21), and two of them do not stay connected.
@Suite(.serialized, .timeLimit(.minutes(1))) struct UploadOnlyTests {
  private static let torrent = TestTorrent(size: 1 << 20)

  /// One connection to a session with the extension protocol on, and what it says of itself.
  private final class Visitor: Sendable {
    let connection: Connection
    let introduction: [UInt8]

    init(_ session: Session, saying text: String) throws {
      let port = try #require(session.listening.first?.port)
      connection = try Connection(to: TestAddress(ip: "127.0.0.1", port: port))
      try connection.send(
        WireMessage.handshake(
          infoHash: UploadOnlyTests.torrent.infoHash, reserved: [0, 0, 0, 0, 0, 0x10, 0, 0]))
      _ = try connection.receive(exactly: 68)
      try connection.send(WireMessage.message(20, [0] + Array(text.utf8)))
      introduction = try Visitor.next(connection) { $0.starts(with: [20, 0]) }
    }

    static func next(_ connection: Connection, where fits: ([UInt8]) -> Bool) throws -> [UInt8] {
      while true {
        let length = try connection.receive(exactly: 4).reduce(0) { $0 << 8 | Int($1) }
        let message = try connection.receive(exactly: length)
        if fits(message) { return message }
      }
    }

    func next(where fits: ([UInt8]) -> Bool) throws -> [UInt8] { try Visitor.next(connection, where: fits) }

    /// What it says under a key of the handshake.
    func says(_ key: String) throws -> Int64? {
      try BencodeDocument(Array(introduction.dropFirst(2))).root[key]?.integer
    }
  }

  @Test func aSeedSaysSoAndLetsGoOfWhoWantsNothing() async throws {
    try await withStage { stage in
      let folder = try stage.folder.folder("seed")
      try Self.torrent.writeContent(in: folder)
      let session = try await SwarmStage.session()
      let handle = try await session.add(
        Metainfo(Self.torrent.metainfo.encoded()), AddOptions(directory: folder))
      _ = try await handle.waitUntilComplete()
      try await onThread {
        let partial = try Visitor(session, saying: "d1:mde11:upload_onlyi1ee")
        #expect(try partial.says("upload_only") == 1)
        #expect(partial.connection.isClosed(within: .seconds(5)))
        let later = try Visitor(session, saying: "d1:mdee")
        #expect(!later.connection.isClosed(within: .milliseconds(300)))
        // As a message of its own, under the id that the session gave it.
        let id = try #require(
          BencodeDocument(Array(later.introduction.dropFirst(2))).root["m"]?["upload_only"]?.integer)
        try later.connection.send(WireMessage.message(20, [UInt8(id), 0]))
        #expect(!later.connection.isClosed(within: .milliseconds(300)))
        try later.connection.send(WireMessage.message(20, [UInt8(id), 1]))
        #expect(later.connection.isClosed(within: .seconds(5)))
      }
      await session.stop()
    }
  }

  @Test func whoCompletesTellsThoseWhoStay() async throws {
    try await withStage { stage in
      let seeder = try HonestSeeder(Self.torrent, on: stage, closed: true)
      let session = try await SwarmStage.session()
      var options = AddOptions(directory: try stage.folder.folder("target"))
      options.peers = [try #require(.init("\(seeder.address)"))]
      let handle = try await session.add(Metainfo(Self.torrent.metainfo.encoded()), options)
      try await eventually("it looks for peers") { await handle.status().state == .downloading }
      try await onThread {
        let partial = try Visitor(session, saying: "d1:mde11:upload_onlyi1ee")
        let known = try Visitor(session, saying: "d1:md11:upload_onlyi9eee")
        let unknown = try Visitor(session, saying: "d1:mdee")
        #expect(try partial.says("upload_only") == nil)
        #expect(!partial.connection.isClosed(within: .milliseconds(300)))
        seeder.open()
        #expect(try known.next { $0.starts(with: [20, 9]) } == [20, 9, 1])
        let again = try unknown.next { $0.starts(with: [20, 0]) }
        #expect(try BencodeDocument(Array(again.dropFirst(2))).root["upload_only"]?.integer == 1)
        #expect(partial.connection.isClosed(within: .seconds(5)))
      }
      await session.stop()
    }
  }
}
