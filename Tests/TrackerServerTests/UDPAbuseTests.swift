import Addresses
import Bytes
import Foundation
import Testing
import TrackerProtocol

@testable import TrackerServer

/// What the internet throws at a UDP tracker. `make abuse` sets `APUS_ABUSE` to run the full counts.
@Suite("Abuse of a UDP tracker")
struct UDPAbuseTests {
  static let isFull = ProcessInfo.processInfo.environment["APUS_ABUSE"] == "full"

  @Test("SipHash-2-4 gives what its authors say")
  func sipHash() {
    // The key 00 to 0f and the message 00 to 0e, from the paper.
    let hash = SipHash(key: 0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908)
    #expect(hash.hash(Array(0..<15)) == 0xa129_ca61_49be_45e5)
    let words: [UInt64] = [1, 0x8000_0000_0000_0002, 3]
    var bytes: [UInt8] = []
    for word in words { bytes.append(bigEndian: word.byteSwapped) }
    #expect(hash.hash(words[0], words[1], words[2]) == hash.hash(bytes))
  }

  @Test("A connection id is good for ten minutes, at its address, at all trackers with the secret")
  func connectionIDs() throws {
    let (ours, sister, stranger) = (
      ConnectionIDs(secret: [1]), ConnectionIDs(secret: [1]), ConnectionIDs(secret: [2])
    )
    for isV6 in [false, true] {
      let (address, other) = (endpoint(1, isV6: isV6).address, endpoint(2, isV6: isV6).address)
      for epoch in [UInt64(0), 200, 250, 255, 256, 30_000_000] {
        let id = ours.issue(to: address, epoch: epoch)
        #expect(id >> 56 == epoch & 0xff)
        for age in UInt64(0)...10 { #expect(sister.isGood(id, from: address, epoch: epoch + age)) }
        for age in UInt64(11)..<300 { #expect(!ours.isGood(id, from: address, epoch: epoch + age)) }
        #expect(!stranger.isGood(id, from: address, epoch: epoch))
        #expect(!ours.isGood(id, from: other, epoch: epoch))
        for bit in 0..<64 { #expect(!ours.isGood(id ^ 1 << UInt64(bit), from: address, epoch: epoch)) }
        // A sister's clock may be a minute behind, not more.
        if epoch > 1 {
          #expect(sister.isGood(id, from: address, epoch: epoch - 1))
          #expect(!sister.isGood(id, from: address, epoch: epoch - 2))
        }
      }
    }
  }

  @Test("Random connection ids are not accepted")
  func randomIDs() {
    let ids = ConnectionIDs(secret: Array("secret".utf8))
    var dice = Dice(state: UInt64.random(in: 0 ... .max))
    var accepted = 0
    for _ in 0..<(Self.isFull ? 100_000_000 : 1_000_000) {
      let word = dice.next()
      let address = IPAddress(v4: UInt32(truncatingIfNeeded: word >> 7))
      if ids.isGood(dice.next(), from: address, epoch: 29_000_000) { accepted += 1 }
    }
    #expect(accepted == 0)
  }

  @Test("Who has not shown its address gets no more than it sent, whatever it sends")
  func noAmplification() throws {
    var stage = UDPStage()
    for number in 0..<300 { _ = try stage.announce(endpoint(number)) }
    var dice = Dice(state: 3)
    var (bytesIn, bytesOut) = (0, 0)
    for round in 0..<(Self.isFull ? 5_000_000 : 50_000) {
      var bytes = (0..<dice.below(140)).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
      // Most look like requests, and some ask for a connection id.
      if bytes.count >= 16, round % 8 != 0 {
        bytes.replaceSubrange(8..<12, with: [0, 0, 0, UInt8(dice.below(4))])
        if round % 4 == 1 { bytes.replaceSubrange(0..<8, with: [0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80]) }
      }
      let answer = stage.send(bytes, from: endpoint(1000 + dice.below(100_000), isV6: round % 3 == 0))
      #expect(answer.count <= bytes.count)
      bytesIn += bytes.count
      bytesOut += answer.count
      if round % 1000 == 0 { stage.pass(1) }
    }
    #expect(bytesOut > 0 && bytesOut <= bytesIn)
  }

  @Test("A bad connection id is told, to each a few times a second; nothing is entered")
  func badID() throws {
    var stage = UDPStage()
    let source = endpoint(1)
    let request = AnnounceRequest(
      infoHash: hash(1), peerID: [UInt8](repeating: 65, count: 20), port: 1, left: 1)
    let announce = UDPTrackerRequest.announce(request, connection: 42, data: [])
    for _ in 0..<Int(ErrorBudget.rate) {
      #expect(try stage.ask(announce, from: source) == .error("connection id unknown"))
    }
    #expect(stage.send(announce.encoded(transaction: 1), from: source) == [])
    #expect(try stage.ask(announce, from: endpoint(2)) == .error("connection id unknown"))
    stage.pass(1)
    #expect(try stage.ask(.scrape([hash(1)], connection: 7), from: source) == .error("connection id unknown"))
    #expect(stage.server.statistics.torrents == 0)
  }

  @Test("A connection id expires while the tracker runs")
  func expiry() throws {
    var stage = UDPStage()
    let source = endpoint(1)
    let scrape = UDPTrackerRequest.scrape([hash(1)], connection: try stage.connect(source))
    stage.pass(600)
    #expect(try stage.ask(scrape, from: source) == .scrape([SwarmCounts()]))
    stage.pass(61)
    #expect(try stage.ask(scrape, from: source) == .error("connection id unknown"))
  }

  @Test("The passkey is found in the URL data, wherever it was cut", arguments: [1, 2, 7, 31, 32, 33, 255])
  func passkeys(piece: Int) throws {
    let key = "00112233445566778899aabbccddeeFF"
    let passkey = try #require(Passkey(key.utf8))
    func found(_ text: String) -> Passkey? {
      let request = AnnounceRequest(
        infoHash: hash(1), peerID: [UInt8](repeating: 65, count: 20), port: 1, left: 1)
      var bytes = UDPTrackerRequest.announce(request, connection: 1, data: []).encoded(transaction: 1)
      let data = Array(text.utf8)
      for start in stride(from: 0, to: data.count, by: piece) {
        let part = data[start..<min(start + piece, data.count)]
        bytes += [1, 2, UInt8(part.count)] + part
        // An option that nobody knows yet.
        bytes += [9, 3, 0, 2, 1]
      }
      return URLData(bytes.rawBytes).passkey
    }
    for path in ["/\(key)/announce", "/announce/\(key)", "/a/\(key)?x=y", "/\(key)"] {
      #expect(found(path) == passkey)
    }
    for path in [
      "/announce", "", "/announce?\(key)", "/\(key)0/announce", "/x\(key)/announce", "/\(key.dropLast())",
    ] {
      #expect(found(path) == nil)
    }
  }

  @Test("Options that are cut off are passed over")
  func brokenOptions() throws {
    var stage = UDPStage()
    let source = endpoint(1)
    let request = AnnounceRequest(
      infoHash: hash(1), peerID: [UInt8](repeating: 65, count: 20), port: 1, left: 1)
    let plain = UDPTrackerRequest.announce(request, connection: try stage.connect(source), data: [])
      .encoded(transaction: 1)
    for options in [[2], [2, 5], [2, 255, 65], [0, 2, 2], [1, 1], [77], [77, 0], [2, 0, 2]] as [[UInt8]] {
      #expect(stage.send(plain + options, from: source).count == 20)
    }
  }

  @Test("Random info-hashes fill the table up to its limit, and no swarm that was there suffers")
  func flood() throws {
    let limit = Self.isFull ? 1_000_000 : 20_000
    var stage = UDPStage { $0.limits.torrents = limit }
    for number in 0..<10 {
      for _ in 0..<2 { _ = try stage.announce(endpoint(number)) }
    }
    let attacker = endpoint(999)
    let id = try stage.connect(attacker)
    var request = UDPTrackerRequest.announce(
      AnnounceRequest(infoHash: hash(5), peerID: [UInt8](repeating: 65, count: 20), port: 1, left: 1),
      connection: id, data: []
    ).encoded(transaction: 1)
    for round in 0..<limit * 6 {
      var random = stage.generator
      for index in 16..<36 { request[index] = UInt8(truncatingIfNeeded: random.next()) }
      stage.generator = random
      _ = stage.send(request, from: attacker)
      // Some come twice, as those of a new torrent would.
      if round % 4 == 0 { _ = stage.send(request, from: attacker) }
    }
    let held = stage.server.statistics
    #expect(held.torrents <= limit && held.torrents > limit / 10)
    #expect(try stage.announce(endpoint(20)).peers.count == 10)
  }
}
