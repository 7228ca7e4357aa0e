import Bytes
import Digest
import Testing

@testable import Encryption

/// Two sides of a handshake, whose bytes travel in parts of a given size.
private struct Pair {
  var initiator: MSEInitiator
  var responder: MSEResponder
  var atInitiator: MSEResult?
  var atResponder: MSEResult?
  var failure: MSEFailure?
  let torrents: [InfoHash]

  init(
    _ infoHash: InfoHash, offering: EncryptionMethod, accepting: EncryptionMethod, first: [UInt8],
    torrents: [InfoHash]
  ) {
    initiator = MSEInitiator(infoHash, offering: offering, first: first)
    responder = MSEResponder(accepting: accepting)
    self.torrents = torrents
  }

  mutating func run(partsOf size: Int) {
    var toResponder = initiator.opening
    var toInitiator: [UInt8] = []
    while !toResponder.isEmpty || !toInitiator.isEmpty {
      let part = Array(toResponder.prefix(size))
      toResponder.removeFirst(part.count)
      if !part.isEmpty, atResponder == nil {
        let step = responder.receive(part.rawBytes) { name in
          torrents.first { MSEResponder.obfuscated($0) == name }
        }
        if let done = take(step, sent: &toInitiator) { atResponder = done }
      }
      let answer = Array(toInitiator.prefix(size))
      toInitiator.removeFirst(answer.count)
      if !answer.isEmpty, atInitiator == nil {
        if let done = take(initiator.receive(answer.rawBytes), sent: &toResponder) { atInitiator = done }
      }
      if failure != nil { return }
    }
  }

  private mutating func take(_ step: MSEStep, sent: inout [UInt8]) -> MSEResult? {
    switch step {
    case .more(let bytes): sent += bytes
    case .done(let bytes, let done):
      sent += bytes
      return done
    case .failed(let reason): failure = reason
    }
    return nil
  }
}

@Suite struct MSEHandshakeTests {
  private let infoHash = SHA1.hash(Array("a torrent".utf8).rawBytes)
  private let other = SHA1.hash(Array("another".utf8).rawBytes)
  private let greeting = Array("\u{13}BitTorrent protocol and so on".utf8)

  struct Choice {
    let offering: EncryptionMethod
    let accepting: EncryptionMethod
    let chosen: EncryptionMethod
  }

  static let choices: [Choice] = [
    Choice(offering: [.rc4, .plain], accepting: [.rc4, .plain], chosen: .rc4),
    Choice(offering: .plain, accepting: [.rc4, .plain], chosen: .plain),
    Choice(offering: [.rc4, .plain], accepting: .plain, chosen: .plain),
    Choice(offering: .rc4, accepting: .rc4, chosen: .rc4),
  ]

  @Test(arguments: choices, [1, 7, 96, 100_000])
  func bothSidesComeToTheSameMethodAndUnderstandEachOther(_ choice: Choice, _ size: Int) throws {
    var pair = Pair(
      infoHash, offering: choice.offering, accepting: choice.accepting, first: greeting,
      torrents: [other, infoHash])
    pair.run(partsOf: size)
    let one = try #require(pair.atInitiator)
    let two = try #require(pair.atResponder)
    #expect(one.method == choice.chosen)
    #expect(two.method == choice.chosen)
    #expect(two.infoHash == infoHash)
    #expect(two.early == greeting)
    #expect(one.early.isEmpty)
    // What each side says now, in several pieces, reaches the other.
    for text in ["first", "second, longer", ""] {
      var bytes = Array(text.utf8)
      one.ciphers.outgoing?.apply(to: &bytes)
      #expect((bytes != Array(text.utf8)) == (choice.chosen == .rc4 && !text.isEmpty))
      two.ciphers.incoming?.apply(to: &bytes)
      #expect(bytes == Array(text.utf8))
      two.ciphers.outgoing?.apply(to: &bytes)
      one.ciphers.incoming?.apply(to: &bytes)
      #expect(bytes == Array(text.utf8))
    }
  }

  @Test func nothingInCommonIsARefusal() {
    var pair = Pair(infoHash, offering: .plain, accepting: .rc4, first: [], torrents: [infoHash])
    pair.run(partsOf: 1000)
    #expect(pair.failure == .noCommonMethod)
  }

  @Test func aTorrentThatIsNotHereIsARefusal() {
    var pair = Pair(infoHash, offering: .rc4, accepting: .rc4, first: [], torrents: [other])
    pair.run(partsOf: 1000)
    #expect(pair.failure == .unknownTorrent)
  }

  @Test(arguments: [[UInt8](repeating: 0, count: 96), [UInt8](repeating: 0, count: 95) + [1]])
  func aKeyThatGivesTheSecretAwayIsRefused(_ key: [UInt8]) {
    var responder = MSEResponder(accepting: .rc4)
    guard case .failed(.badKey) = responder.receive(key.rawBytes, find: { _ in nil }) else {
      Issue.record("a bad key was taken")
      return
    }
  }

  @Test func noiseIsGivenUpOnAfterTheLongestPadding() {
    var responder = MSEResponder(accepting: .rc4)
    var bytes = 0
    while bytes < 10_000 {
      bytes += 50
      if case .failed(let reason) = responder.receive(
        [UInt8](repeating: 0x55, count: 50).rawBytes, find: { _ in nil })
      {
        #expect(reason == .notSynchronised)
        break
      }
    }
    #expect((608...700).contains(bytes))
    var initiator = MSEInitiator(infoHash, offering: .rc4, first: [])
    bytes = 0
    while bytes < 10_000 {
      bytes += 50
      if case .failed(let reason) = initiator.receive([UInt8](repeating: 0x55, count: 50).rawBytes) {
        #expect(reason == .notSynchronised)
        break
      }
    }
    #expect((608...700).contains(bytes))
  }

  @Test(arguments: 0..<48)
  func aHandshakeThatIsTamperedWithNeverEndsWell(_ number: Int) {
    // One bit of what the initiator sends after its key and padding is turned.
    var initiator = MSEInitiator(infoHash, offering: .rc4, first: greeting)
    var responder = MSEResponder(accepting: .rc4)
    let find: (SHA1Digest) -> InfoHash? = { [infoHash] in
      MSEResponder.obfuscated(infoHash) == $0 ? infoHash : nil
    }
    guard case .more(let answer) = responder.receive(initiator.opening.rawBytes, find: find),
      case .more(var request) = initiator.receive(answer.rawBytes)
    else {
      Issue.record("no key came back")
      return
    }
    request[number] ^= 1 << (number % 8)
    switch responder.receive(request.rawBytes, find: find) {
    case .failed, .more: break
    case .done(_, let result): #expect(result.method != .rc4 || result.early != greeting)
    }
  }
}

@Suite struct CipherTests {
  @Test(arguments: [
    // RFC 6229: the stream at 0 and at 1536 for keys of 40 and 128 bits.
    ("0102030405", 0, "b2396305f03dc027ccc3524a0a1118a8"),
    ("0102030405", 1536, "d8729db41882259bee4f825325f5a130"),
    ("0102030405060708090a0b0c0d0e0f10", 0, "9ac7cc9a609d1ef7b2932899cde41b97"),
    ("0102030405060708090a0b0c0d0e0f10", 1024, "bdf0324e6083dcc6d3cedd3ca8c53c16"),
  ])
  func streamsAreThoseOfTheRFC(_ key: String, _ offset: Int, _ expected: String) throws {
    let key = try #require([UInt8](hexadecimal: key))
    let made = RC4(key: key.rawBytes)
    let cipher = try #require(made)
    cipher.skip(offset)
    var bytes = [UInt8](repeating: 0, count: 16)
    cipher.apply(to: &bytes)
    #expect(bytes.hexadecimal == expected)
  }

  @Test func bothSidesOfAnExchangeShareASecret() throws {
    let one = KeyExchange()
    let two = KeyExchange()
    #expect(one.publicKey.count == 96)
    #expect(one.publicKey != two.publicKey)
    let secret = try #require(one.shared(with: two.publicKey))
    #expect(secret == two.shared(with: one.publicKey))
    #expect(secret.count == 96)
    // 2 to the power of 3 is 8.
    #expect(KeyExchange(secret: [3]).publicKey == [UInt8](repeating: 0, count: 95) + [8])
  }
}
