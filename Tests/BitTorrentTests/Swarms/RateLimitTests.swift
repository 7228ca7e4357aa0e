import Addresses
import Metainfo
import TestSupport
import Testing

@testable import BitTorrent

/// Whole sessions under limits: never faster than they say, everything arrives, other messages pass.
@Suite(.serialized, .timeLimit(.minutes(2))) struct RateLimitTests {
  static let size = 4 << 20
  static let rate = 2 << 20

  /// The least time that `bytes` may take at `rate`: what was saved up goes at once, and five per cent.
  static func leastSeconds(_ bytes: Int, rate: Int, burst: Int? = nil) -> Double {
    let burst = burst ?? Block.size + rate / 10
    return Double(bytes - burst) / (Double(rate) * 1.05)
  }

  enum Place: CaseIterable { case seeder, source, leech, copy, localPeers }

  @Test(arguments: Place.allCases)
  func noLimitIsExceededAndAllArrives(_ place: Place) async throws {
    try await SwarmStage.with([(path: "a", size: Self.size)], pieceLength: 128 << 10) { stage in
      var source = AddOptions(directory: stage.seedFolder)
      if place == .source { source.limits.upload = Self.rate }
      let seeder = try await SwarmStage.session { if place == .seeder { $0.uploadLimit = Self.rate } }
      _ = try await seeder.add(stage.metainfo, source).waitUntilComplete()
      let leech = try await SwarmStage.session {
        if place == .leech { $0.downloadLimit = Self.rate }
        if place == .localPeers {
          $0.downloadLimit = 1
          $0.localPeers = .separately(RateLimits(download: Self.rate))
        }
      }
      var copy = AddOptions(directory: stage.downloadFolder("copy"))
      copy.peers = seeder.listening
      if place == .copy { copy.limits.download = Self.rate }
      let start = ContinuousClock.now
      let status = try await leech.add(stage.metainfo, copy).waitUntilComplete(within: 30)
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      #expect(seconds >= Self.leastSeconds(Self.size, rate: Self.rate))
      #expect(status.wasted == 0)
      await leech.stop()
      await seeder.stop()
      try stage.compare("copy")
    }
  }

  @Test func peersShareALimitEvenly() async throws {
    // Private: they do not know each other, what each has came from the seeder.
    try await SwarmStage.with([(path: "a", size: 3 << 20)], pieceLength: 64 << 10, isPrivate: true) { stage in
      let seeder = try await SwarmStage.session { $0.uploadLimit = 3 << 20 }
      let source = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
      _ = try await source.waitUntilComplete()
      var leeches: [Session] = []
      var handles: [TorrentHandle] = []
      for name in ["one", "two", "three"] {
        let leech = try await SwarmStage.session()
        var options = AddOptions(directory: stage.downloadFolder(name))
        options.peers = seeder.listening
        handles.append(try await leech.add(stage.metainfo, options))
        leeches.append(leech)
      }
      try await eventually("half is sent", every: .milliseconds(5)) {
        await source.status().uploaded >= 9 << 19
      }
      let sent = await source.status().peerTraffic.map(\.uploaded)
      #expect(sent.count == 3)
      let (least, most) = (sent.min() ?? 0, sent.max() ?? 0)
      #expect(Double(least) >= Double(most) * 0.6, "\(sent)")
      for handle in handles { _ = try await handle.waitUntilComplete() }
      for leech in leeches { await leech.stop() }
      await seeder.stop()
    }
  }

  @Test(arguments: [1, 2])
  func torrentsShareALimitEvenly(_ loops: Int) async throws {
    try await SwarmStage.with([(path: "a", size: 2 << 20)], pieceLength: 64 << 10) { first in
      try await SwarmStage.with([(path: "b", size: 2 << 20)], pieceLength: 64 << 10) { second in
        let seeder = try await SwarmStage.session()
        let leech = try await SwarmStage.session {
          $0.loops = loops
          $0.downloadLimit = 0
        }
        var handles: [TorrentHandle] = []
        for stage in [first, second] {
          _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
            .waitUntilComplete()
          var options = AddOptions(directory: stage.downloadFolder("copy"))
          options.peers = seeder.listening
          handles.append(try await leech.add(stage.metainfo, options))
        }
        // Both begin at once, whatever came first of connecting and checking.
        for handle in handles {
          try await eventually("it waits for its turn") { await handle.waitsToRequest }
        }
        await leech.set(limits: RateLimits(download: 2 << 20))
        try await eventually("most of one has come", every: .milliseconds(5)) {
          await handles[0].status().downloaded >= 3 << 19
        }
        #expect(await handles[1].status().downloaded >= 1 << 20)
        for handle in handles { _ = try await handle.waitUntilComplete() }
        await leech.stop()
        await seeder.stop()
        try first.compare("copy")
        try second.compare("copy")
      }
    }
  }

  @Test(arguments: [true, false])
  func aLimitIsLiftedAtRunTime(_ ofTorrent: Bool) async throws {
    try await SwarmStage.with([(path: "a", size: Self.size)], pieceLength: 128 << 10) { stage in
      let seeder = try await SwarmStage.session()
      let source = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
      _ = try await source.waitUntilComplete()
      let slow = RateLimits(download: 64 << 10, upload: 64 << 10)
      if ofTorrent { await source.set(limits: slow) } else { await seeder.set(limits: slow) }
      let leech = try await SwarmStage.session { $0.downloadLimit = 40 << 10 }
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      let handle = try await leech.add(stage.metainfo, options)
      try await eventually("something has come") { await handle.status().downloaded > 0 }
      // All of it would take a hundred seconds.
      await leech.set(limits: RateLimits())
      if ofTorrent { await source.set(limits: RateLimits()) } else { await seeder.set(limits: RateLimits()) }
      _ = try await handle.waitUntilComplete()
      await leech.stop()
      await seeder.stop()
      try stage.compare("copy")
    }
  }

  @Test func localPeersMayBeExempt() async throws {
    try await SwarmStage.with([(path: "a", size: Self.size)], pieceLength: 128 << 10) { stage in
      let seeder = try await SwarmStage.session {
        $0.uploadLimit = 0
        $0.localPeers = .exempt
      }
      _ = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder)).waitUntilComplete()
      let leech = try await SwarmStage.session()
      var options = AddOptions(directory: stage.downloadFolder("copy"))
      options.peers = seeder.listening
      _ = try await leech.add(stage.metainfo, options).waitUntilComplete()
      await leech.stop()
      await seeder.stop()
    }
  }

  @Test func otherMessagesPassWhileBlocksWait() async throws {
    try await SwarmStage.with([(path: "a", size: 1 << 20)]) { stage in
      let seeder = try await SwarmStage.session { $0.uploadLimit = 0 }
      let source = try await seeder.add(stage.metainfo, AddOptions(directory: stage.seedFolder))
      _ = try await source.waitUntilComplete()
      let port = try #require(seeder.listening.first?.port)
      let hash = try #require(stage.metainfo.info.infoHashV1).bytes
      try await onThread {
        let connection = try Connection(to: TestAddress(ip: "127.0.0.1", port: port))
        defer { connection.close() }
        // With the fast extension: requests that cannot be met are rejected.
        try connection.send(
          WireMessage.handshake(infoHash: hash, reserved: [0, 0, 0, 0, 0, 0, 0, 4]) + WireMessage.interested)
        _ = try connection.receive(exactly: 68)
        func next(_ wanted: UInt8) throws {
          while true {
            let length = try connection.receive(exactly: 4).reduce(0) { $0 << 8 | Int($1) }
            guard length > 0 else { continue }
            let id = try connection.receive(exactly: length)[0]
            #expect(id != 7)
            if id == wanted { return }
          }
        }
        try next(1)
        for block in 0..<20 { try connection.send(WireMessage.request(block, 0, 16_384)) }
        try connection.send(WireMessage.request(9_999, 0, 16_384))
        try next(16)
      }
      #expect(await source.status().uploaded == 0)
      await seeder.stop()
    }
  }

  @Test func aPeerThatSendsWhatNobodyAskedForIsHeldBack() async throws {
    try await SwarmStage.with([(path: "a", size: Self.size)], pieceLength: 128 << 10) { stage in
      let rate = 1 << 20
      let leech = try await SwarmStage.session { $0.downloadLimit = rate }
      let handle = try await leech.add(
        stage.metainfo, AddOptions(directory: stage.downloadFolder("copy")))
      try await eventually("it takes peers") { await handle.status().state == .downloading }
      let port = try #require(leech.listening.first?.port)
      let hash = try #require(stage.metainfo.info.infoHashV1).bytes
      let start = ContinuousClock.now
      let flood = Task {
        try await onThread {
          let peer = try RawPeer(to: TestAddress(ip: "127.0.0.1", port: port), infoHash: hash)
          let block = [UInt8](repeating: 1, count: Block.size)
          for index in 0..<200 { try peer.send(WireMessage.piece(index / 8 % 32, 0, block)) }
          _ = peer.connection.isClosed(within: .seconds(10))
        }
      }
      let bytes = 3 << 20
      try await eventually("it has all come", every: .milliseconds(5)) {
        await handle.status().downloaded >= Int64(bytes)
      }
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      #expect(seconds >= Self.leastSeconds(bytes, rate: rate, burst: 2 * Block.size + rate / 2))
      await leech.stop()
      try await flood.value
    }
  }
}

extension TorrentHandle {
  /// Whether a peer could be asked for more if the limit allowed it.
  fileprivate var waitsToRequest: Bool {
    get async {
      await seat.loop.perform { loop in
        seat.value(on: loop).torrent?.peers.contains { $0?.rates.waitsToRequest == true } ?? false
      }
    }
  }
}
