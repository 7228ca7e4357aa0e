import BitTorrent
import Foundation
import Metainfo
import TestSupport
import Testing

/// With the fast extension (BEP 6) every choke rejects whatever was asked for: that is no offence.
@Suite(.serialized, .timeLimit(.minutes(1))) struct RejectTests {
  @Test func aPeerThatChokesOftenIsKept() async throws {
    try await SwarmStage.with([(path: "a", size: 4 << 20)]) { stage in
      let leech = try await SwarmStage.session()
      _ = try await leech.add(stage.metainfo, AddOptions(directory: stage.downloadFolder("copy")))
      let port = try #require(leech.listening.first?.port)
      let hash = stage.metainfo.info.infoHash.bytes
      let rejected = try await onThread {
        // Until the torrent has looked at its folder it takes no peers.
        var greeted: Connection?
        for _ in 0..<200 where greeted == nil {
          let connection = try Connection(to: TestAddress(ip: "127.0.0.1", port: port))
          try connection.send(
            WireMessage.handshake(infoHash: hash, reserved: [0, 0, 0, 0, 0, 0, 0, 4]))
          if (try? connection.receive(exactly: 68)) != nil { greeted = connection } else { usleep(5000) }
        }
        let connection = try #require(greeted)
        defer { connection.close() }
        try connection.send(WireMessage.message(14))
        var rejected = 0
        while rejected < 2000 {
          try connection.send(WireMessage.message(1))
          var answer = WireMessage.message(0)
          var count = 0
          while count < 8 {
            let length = try connection.receive(exactly: 4).reduce(0) { $0 << 8 | Int($1) }
            let message = try connection.receive(exactly: length)
            guard message.first == 6 else { continue }
            answer += WireMessage.message(16, Array(message.dropFirst()))
            count += 1
          }
          try connection.send(answer)
          rejected += count
        }
        return rejected
      }
      #expect(rejected >= 2000)
      await leech.stop()
    }
  }
}
