import Addresses
import BitTorrent
import Encryption
import Metainfo
import Testing

/// Two sessions, each with its own policy; the downloader opens the connection.
@Suite(.serialized, .timeLimit(.minutes(1))) struct EncryptionPolicyTests {
  struct Meeting: CustomTestStringConvertible {
    let seeder: EncryptionPolicy
    let leech: EncryptionPolicy
    /// Whether all is encrypted; `nil` if they do not come together.
    let isEncrypted: Bool?
    var testDescription: String { "\(leech) meets \(seeder)" }
  }

  static let meetings: [Meeting] = [
    Meeting(seeder: .off, leech: .off, isEncrypted: false),
    Meeting(seeder: .off, leech: .allow, isEncrypted: false),
    // Refused at first, then in the clear.
    Meeting(seeder: .off, leech: .prefer, isEncrypted: false),
    Meeting(seeder: .off, leech: .require, isEncrypted: nil),
    Meeting(seeder: .allow, leech: .allow, isEncrypted: false),
    // Who opens the connection prefers to hide; the other one may choose, and chooses what is cheap.
    Meeting(seeder: .allow, leech: .prefer, isEncrypted: false),
    Meeting(seeder: .allow, leech: .require, isEncrypted: true),
    Meeting(seeder: .prefer, leech: .allow, isEncrypted: false),
    Meeting(seeder: .prefer, leech: .prefer, isEncrypted: true),
    // Refused in the clear at first.
    Meeting(seeder: .require, leech: .allow, isEncrypted: true),
    Meeting(seeder: .require, leech: .require, isEncrypted: true),
    Meeting(seeder: .require, leech: .off, isEncrypted: nil),
  ]

  @Test(arguments: meetings)
  func contentTravelsAsBothPoliciesAllow(_ meeting: Meeting) async throws {
    try await SwarmStage.with([(path: "a.bin", size: 700_000)], version: .hybrid) { stage in
      let seeder = try await SwarmStage.session { $0.encryption = meeting.seeder }
      let source = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
      _ = try await source.waitUntilComplete()
      let leech = try await SwarmStage.session { $0.encryption = meeting.leech }
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      let handle = try await leech.add(stage.metainfo, options)
      if let isEncrypted = meeting.isEncrypted {
        let status = try await handle.waitUntilComplete()
        #expect(status.wasted == 0)
        #expect(status.peerTraffic.filter { $0.downloaded > 0 }.map(\.isEncrypted) == [isEncrypted])
        try stage.compare("copy")
      } else {
        let status = try await handle.waitForAnEndedConnection()
        #expect(status.downloaded == 0)
        #expect(status.piecesHave == 0)
      }
      await leech.stop()
      await seeder.stop()
    }
  }
}

extension TorrentHandle {
  /// Waits until a connection has ended.
  fileprivate func waitForAnEndedConnection() async throws -> TorrentStatus {
    let end = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < end {
      let status = await status()
      if !status.endedConnections.isEmpty { return status }
      try await Task.sleep(for: .milliseconds(5))
    }
    throw SwarmFailure(reason: "no connection ended")
  }
}
