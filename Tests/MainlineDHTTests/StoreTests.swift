import Addresses
import Bytes
import Testing

@testable import MainlineDHT

private func endpoint(_ text: String) -> Endpoint {
  guard let endpoint = Endpoint(text) else { preconditionFailure(text) }
  return endpoint
}

private func id(_ byte: UInt8) -> NodeID { NodeID([UInt8](repeating: byte, count: 20).rawBytes) }

@Suite struct PeerStoreTests {
  private let numbers = Numbers(seed: 1)

  @Test func peersAreGivenUntilTheyAreTooOld() {
    var store = PeerStore()
    #expect(store.announce(endpoint("1.2.3.4:5"), in: id(1), isSeed: true, now: 0) == true)
    #expect(store.announce(endpoint("1.2.3.5:5"), in: id(1), isSeed: false, now: 1000) == true)
    let all = store.peers(of: id(1), count: 10, noSeeds: false, now: 1000) { numbers.next() }
    #expect(Set(all) == [endpoint("1.2.3.4:5"), endpoint("1.2.3.5:5")])
    let leeches = store.peers(of: id(1), count: 10, noSeeds: true, now: 1000) { numbers.next() }
    #expect(leeches == [endpoint("1.2.3.5:5")])
    let young = store.peers(of: id(1), count: 10, noSeeds: false, now: 2500) { numbers.next() }
    #expect(young == [endpoint("1.2.3.5:5")])
    store.expire(now: 2500)
    #expect(store.peerCount == 1)
    store.expire(now: 9999)
    #expect(store.peerCount == 0 && store.swarmCount == 0)
  }

  @Test func anAnnounceAgainKeepsAPeer() {
    var store = PeerStore()
    for time in [0.0, 1000, 2000, 3000] {
      #expect(store.announce(endpoint("1.2.3.4:5"), in: id(1), isSeed: false, now: time) == true)
    }
    store.expire(now: 3500)
    #expect(store.peerCount == 1)
  }

  @Test func quotasHold() {
    var limits = PeerStore.Limits()
    (limits.swarms, limits.peersPerSwarm, limits.peers, limits.swarmsPerAddress) = (3, 2, 5, 2)
    var store = PeerStore(limits)
    #expect(store.announce(endpoint("1.0.0.1:1"), in: id(1), isSeed: false, now: 0) == true)
    #expect(store.announce(endpoint("1.0.0.1:1"), in: id(2), isSeed: false, now: 0) == true)
    #expect(store.announce(endpoint("1.0.0.1:1"), in: id(3), isSeed: false, now: 0) == false)
    #expect(store.announce(endpoint("1.0.0.1:2"), in: id(1), isSeed: false, now: 0) == false)
    #expect(store.announce(endpoint("1.0.0.2:1"), in: id(1), isSeed: false, now: 0) == true)
    #expect(store.announce(endpoint("1.0.0.3:1"), in: id(1), isSeed: false, now: 0) == false)
    #expect(store.announce(endpoint("1.0.0.3:1"), in: id(3), isSeed: false, now: 0) == true)
    #expect(store.announce(endpoint("1.0.0.4:1"), in: id(4), isSeed: false, now: 0) == false)
    #expect(store.announce(endpoint("1.0.0.4:1"), in: id(3), isSeed: false, now: 0) == true)
    #expect(store.announce(endpoint("1.0.0.5:1"), in: id(2), isSeed: false, now: 0) == false)
    #expect(store.peerCount == 5)
    // IPv6 addresses of one /64 are one person's.
    var other = PeerStore(limits)
    #expect(other.announce(endpoint("[2001:db8::1]:1"), in: id(1), isSeed: false, now: 0) == true)
    #expect(other.announce(endpoint("[2001:db8::2]:1"), in: id(1), isSeed: false, now: 0) == true)
    #expect(other.announce(endpoint("[2001:db8::3]:1"), in: id(2), isSeed: false, now: 0) == false)
    other.expire(now: 1e6)
    #expect(other.announce(endpoint("[2001:db8::3]:1"), in: id(2), isSeed: false, now: 1e6) == true)
  }

  /// Against a plain model: a dictionary.
  @Test func aStoreOfManyAnnouncesAgreesWithAModel() {
    var store = PeerStore()
    var model: [NodeID: [Endpoint: Double]] = [:]
    for step in 0..<4000 {
      let now = Double(step)
      let name = id(UInt8(numbers.number(below: 20)))
      let peer = endpoint(
        "9.9.\(numbers.number(below: 3)).\(numbers.number(below: 40)):\(1 + numbers.number(below: 2))")
      #expect(store.announce(peer, in: name, isSeed: false, now: now) == true)
      model[name, default: [:]][peer] = now + 2400
      guard step % 50 == 0 else { continue }
      store.expire(now: now)
      model = model.mapValues { $0.filter { $0.value > now } }.filter { !$0.value.isEmpty }
      #expect(store.peerCount == model.values.reduce(0) { $0 + $1.count })
      #expect(store.swarmCount == model.count)
      for (name, peers) in model {
        let found = store.peers(of: name, count: 1000, noSeeds: false, now: now) { numbers.next() }
        #expect(found.count == peers.count && Set(found) == Set(peers.keys))
      }
      #expect(Set(store.sample(100) { numbers.next() }) == Set(model.keys))
      #expect(Set(store.sample(5) { numbers.next() }).count == min(5, model.count))
    }
  }
}

@Suite struct ItemStoreTests {
  private let seed = [UInt8](repeating: 3, count: 32)
  private let sender = IPAddress(v4: 0x0102_0304)

  private func item(_ sequence: Int64, _ text: String = "1:x", salt: [UInt8] = []) throws -> Item {
    .mutable(
      try #require(MutableItem(signing: Array(text.utf8), salt: salt, sequence: sequence, seed: seed)))
  }

  @Test func newerVersionsReplaceOlderOnes() throws {
    var store = ItemStore()
    try store.put(ItemPut(item: try item(5), token: []), from: sender, own: id(0), now: 0)
    #expect(throws: PutRefusal.oldSequence) {
      try store.put(ItemPut(item: try item(4), token: []), from: sender, own: id(0), now: 0)
    }
    // The same number with another value would leave the network divided.
    #expect(throws: PutRefusal.oldSequence) {
      try store.put(ItemPut(item: try item(5, "1:y"), token: []), from: sender, own: id(0), now: 0)
    }
    #expect(throws: PutRefusal.unexpectedSequence) {
      try store.put(
        ItemPut(item: try item(6), expectedSequence: 4, token: []), from: sender, own: id(0), now: 0)
    }
    try store.put(
      ItemPut(item: try item(6), expectedSequence: 5, token: []), from: sender, own: id(0), now: 0)
    let newest = try item(6)
    #expect(store.item(at: newest.target, now: 1) == newest)
    #expect(store.count == 1)
    #expect(store.item(at: newest.target, now: 7201) == nil)
  }

  @Test func whatIsTooLongOrForgedIsRefused() throws {
    var store = ItemStore()
    let long = Item.immutable(Array("996:".utf8) + [UInt8](repeating: 1, count: 996))
    #expect(throws: PutRefusal.tooBig) {
      try store.put(ItemPut(item: long, token: []), from: sender, own: id(0), now: 0)
    }
    let longest = Item.immutable(Array("995:".utf8) + [UInt8](repeating: 1, count: 995))
    try store.put(ItemPut(item: longest, token: []), from: sender, own: id(0), now: 0)
    let salted = try item(1, salt: [UInt8](repeating: 1, count: 65))
    #expect(throws: PutRefusal.saltTooBig) {
      try store.put(ItemPut(item: salted, token: []), from: sender, own: id(0), now: 0)
    }
    guard case .mutable(let good) = try item(1) else { return }
    let forged = MutableItem(key: good.key, sequence: 2, value: good.value, signature: good.signature)
    #expect(throws: PutRefusal.badSignature) {
      try store.put(ItemPut(item: .mutable(forged), token: []), from: sender, own: id(0), now: 0)
    }
  }

  @Test func oneSenderDoesNotFillIt() throws {
    var limits = ItemStore.Limits()
    (limits.items, limits.itemsPerAddress) = (4, 2)
    var store = ItemStore(limits)
    func put(_ number: Int, _ address: UInt32) throws {
      let item = Item.immutable(Array("i\(number)e".utf8))
      try store.put(ItemPut(item: item, token: []), from: IPAddress(v4: address), own: id(0), now: 0)
    }
    try put(1, 1)
    try put(2, 1)
    #expect(throws: PutRefusal.full) { try put(3, 1) }
    try put(3, 2)
    try put(4, 2)
    // Full: what is further away gives way, nothing else.
    var taken = 0
    for number in 5..<40 { if (try? put(number, UInt32(number))) != nil { taken += 1 } }
    #expect(store.count == 4)
    #expect(taken > 0 && taken < 35)
  }
}

@Suite struct TokenTests {
  private let numbers = Numbers(seed: 4)

  @Test func tokensAreBoundToAddressesAndEnd() {
    var tokens = TokenSource(now: 0) { numbers.next() }
    let address = IPAddress(v4: 1)
    let token = tokens.token(for: address)
    #expect(tokens.isValid(token, for: address))
    #expect(!tokens.isValid(token, for: IPAddress(v4: 2)))
    #expect(!tokens.isValid([], for: address))
    tokens.rotate(now: 301) { numbers.next() }
    #expect(tokens.isValid(token, for: address))
    #expect(tokens.token(for: address) != token)
    tokens.rotate(now: 602) { numbers.next() }
    #expect(!tokens.isValid(token, for: address))
    // After a long silence both secrets are old.
    let late = tokens.token(for: address)
    tokens.rotate(now: 5000) { numbers.next() }
    #expect(!tokens.isValid(late, for: address))
  }
}

@Suite struct AnswerLimiterTests {
  @Test func oneAddressGetsItsShareOnly() {
    var limiter = AnswerLimiter(now: 0)
    let flooder = { (port: Int) in endpoint("1.2.3.4:\(port)") }
    func answered(_ count: Int, _ now: Double, _ endpoint: (Int) -> Endpoint) -> Int {
      var answered = 0
      for number in 1...count where limiter.allows(endpoint(number), now: now) { answered += 1 }
      return answered
    }
    #expect(answered(1000, 0.5, flooder) == 50)
    #expect(answered(1, 0.5) { endpoint("1.2.3.5:\($0)") } == 1)
    #expect(answered(1000, 1.5, flooder) == 10)
    // An IPv6 /64 is one address; neighbours on our own network are not.
    #expect(answered(200, 1.5) { endpoint("[2001:db8::\($0)]:1") } == 50)
    #expect(answered(200, 1.5) { endpoint("127.0.0.1:\($0)") } == 200)
  }

  @Test func allTogetherAreLimited() {
    var limiter = AnswerLimiter(now: 0)
    var answered = 0
    for first in 0..<40 {
      for second in 0..<250 where limiter.allows(endpoint("5.\(first).\(second).1:1"), now: 0) {
        answered += 1
      }
    }
    #expect(answered == 2000)
  }
}
