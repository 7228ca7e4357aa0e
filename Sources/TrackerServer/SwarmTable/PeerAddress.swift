import Addresses
import Bytes

/// An endpoint in registers, its bytes in the order of the wire whatever the machine's. With its swarm
/// it is a peer's identity: nobody can touch the entry of another address.
struct PeerAddress: Equatable {
  let high: UInt64
  let low: UInt64
  let port: UInt16
  let isV6: Bool

  static let sizeV4 = 6
  static let sizeV6 = 18

  static func size(isV6: Bool) -> Int { isV6 ? sizeV6 : sizeV4 }

  var size: Int { Self.size(isV6: isV6) }

  init(_ endpoint: Endpoint) {
    isV6 = !endpoint.address.isV4
    port = endpoint.port.bigEndian
    if isV6 {
      let words = endpoint.address.words
      high = words.high.bigEndian
      low = words.low.bigEndian
    } else {
      high = 0
      low = UInt64(endpoint.address.v4.bigEndian)
    }
  }

  /// Reads six or 18 bytes of wire form.
  init(_ bytes: UnsafeRawPointer, isV6: Bool) {
    self.isV6 = isV6
    if isV6 {
      unsafe high = bytes.loadUnaligned(as: UInt64.self)
      unsafe low = bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
      unsafe port = bytes.loadUnaligned(fromByteOffset: 16, as: UInt16.self)
    } else {
      high = 0
      unsafe low = UInt64(bytes.loadUnaligned(as: UInt32.self))
      unsafe port = bytes.loadUnaligned(fromByteOffset: 4, as: UInt16.self)
    }
  }

  /// The endpoint that it was made of. IPv6: one allocation.
  var endpoint: Endpoint {
    guard isV6 else {
      return Endpoint(
        IPAddress(v4: UInt32(bigEndian: UInt32(truncatingIfNeeded: low))), port: UInt16(bigEndian: port))
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(16)
    bytes.append(bigEndian: UInt64(bigEndian: high))
    bytes.append(bigEndian: UInt64(bigEndian: low))
    return Endpoint(IPAddress(bytes.rawBytes, at: 0, isV6: true), port: UInt16(bigEndian: port))
  }

  /// Writes six or 18 bytes of wire form.
  func store(to bytes: UnsafeMutableRawPointer) {
    if isV6 {
      unsafe bytes.storeBytes(of: high, as: UInt64.self)
      unsafe bytes.storeBytes(of: low, toByteOffset: 8, as: UInt64.self)
      unsafe bytes.storeBytes(of: port, toByteOffset: 16, as: UInt16.self)
    } else {
      unsafe bytes.storeBytes(of: UInt32(truncatingIfNeeded: low), as: UInt32.self)
      unsafe bytes.storeBytes(of: port, toByteOffset: 4, as: UInt16.self)
    }
  }
}

/// Secret words that make the places in the tables unpredictable for those who choose the keys.
struct TableKey: Sendable {
  let first: UInt64
  let second: UInt64
  let third: UInt64

  init(seed: UInt64) {
    var dice = Dice(state: seed)
    first = dice.next() | 1
    second = dice.next() | 1
    third = dice.next() | 1
  }

  private static func fold(_ one: UInt64, _ other: UInt64) -> UInt64 {
    let product = one.multipliedFullWidth(by: other)
    return product.high ^ product.low
  }

  func hash(_ one: UInt64, _ other: UInt64, _ rest: UInt64) -> UInt64 {
    Self.fold(Self.fold(one ^ first, other ^ second) ^ rest ^ first, third)
  }

  func hash(_ address: PeerAddress) -> UInt64 { hash(address.high, address.low, UInt64(address.port)) }
}

/// SplitMix64: a few good random words out of one.
struct Dice: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
    return word ^ word >> 31
  }

  /// A number below `bound`, each as likely as the others but for 2^-64 · bound.
  mutating func below(_ bound: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(bound)).high) }
}
