import Addresses
import Bytes
import Foundation
import MainlineDHT
import TestSupport
import Testing

@testable import BitTorrent

/// Who we are to others, put together from what they say.
@Suite(.serialized, .timeLimit(.minutes(1))) struct ExternalAddressTests {
  /// A tracker that sees everybody at 203.0.113.9 (BEP 24).
  private static func tracker(_ stage: Stage) throws -> SocketServer {
    try stage.server { connection in
      var request: [UInt8] = []
      while !request.suffix(4).elementsEqual([13, 10, 13, 10]) {
        guard let part = try? connection.receive(upTo: 4096), !part.isEmpty else { return }
        request += part
      }
      let body =
        Array("d11:external ip4:".utf8) + [203, 0, 113, 9] + Array("8:intervali1800e5:peers0:e".utf8)
      let head = "HTTP/1.1 200 OK\r\nContent-Length: \(body.count)\r\nConnection: close\r\n\r\n"
      try? connection.send(Array(head.utf8) + body)
      connection.close()
    }
  }

  @Test func twoTrackersThatAgreeAreBelievedAndOneIsNot() async throws {
    let address = try #require(IPAddress("203.0.113.9"))
    try await withStage { stage in
      let trackers = [try Self.tracker(stage), try Self.tracker(stage)]
      let session = try await SwarmStage.session()
      for (number, tracker) in trackers.enumerated() {
        try await SwarmStage.with([("file \(number)", 50_000)]) { swarm in
          var metainfo = swarm.metainfo
          metainfo.trackers = [["http://\(tracker.address)/announce"]]
          let handle = try await session.add(metainfo, AddOptions(directory: swarm.seedFolder))
          _ = try await handle.waitUntilComplete()
          try await eventually("the announce is through", within: .seconds(10)) {
            await handle.seat.loop.perform { loop in
              handle.seat.value(on: loop).announcers.allSatisfy { $0.list.trackers.allSatisfy(\.isStarted) }
            }
          }
        }
        #expect(session.externalAddresses == (number == 0 ? [] : [address]))
      }
      // Our name in the DHT belongs to it, and so do the ranks of connections.
      let dht = try #require(session.dht)
      try await eventually("the node has its name", within: .seconds(10)) {
        await dht.service.loop.perform { loop in
          dht.service.value(on: loop).dht.nodes.allSatisfy { $0.id.isValid(for: address) }
        }
      }
      await session.stop()
    }
  }
}
