import Bytes
import Digest

/// Something small that the DHT keeps for a few hours (BEP 44).
public enum Item: Equatable, Sendable {
  /// A bencoded value under its own digest.
  case immutable([UInt8])
  /// A bencoded value under its signer's key.
  case mutable(MutableItem)

  /// Bytes of a bencoded value at most.
  public static let maximumBytes = 999

  /// The bencoded value.
  public var value: [UInt8] {
    switch self {
    case .immutable(let value): value
    case .mutable(let item): item.value
    }
  }

  /// Where it is stored.
  public var target: NodeID {
    switch self {
    case .immutable(let value): NodeID(SHA1.hash(value.rawBytes))
    case .mutable(let item): item.target
    }
  }
}

/// A value that its signer can replace by one with a higher number (BEP 44).
public struct MutableItem: Equatable, Sendable {
  /// Bytes of a salt at most.
  public static let maximumSalt = 64

  /// The signer's Ed25519 key, 32 bytes.
  public let key: [UInt8]
  /// What tells several items of one signer apart; empty for none.
  public let salt: [UInt8]
  /// The version; higher ones replace lower ones.
  public let sequence: Int64
  /// The bencoded value.
  public let value: [UInt8]
  /// The signature of salt, number and value, 64 bytes.
  public let signature: [UInt8]

  /// Puts an item together; `isValid` tells whether it is one.
  public init(key: [UInt8], salt: [UInt8] = [], sequence: Int64, value: [UInt8], signature: [UInt8]) {
    self.key = key
    self.salt = salt
    self.sequence = sequence
    self.value = value
    self.signature = signature
  }

  /// Signs a bencoded value with a seed of 32 bytes; `nil` if the seed has another length.
  public init?(signing value: [UInt8], salt: [UInt8] = [], sequence: Int64, seed: [UInt8]) {
    let message = Self.message(value, salt, sequence)
    guard let key = Ed25519.publicKey(seed: seed), let signature = Ed25519.sign(message, seed: seed) else {
      return nil
    }
    self.init(key: key, salt: salt, sequence: sequence, value: value, signature: signature)
  }

  /// Where the item of a key and a salt is stored.
  public static func target(key: [UInt8], salt: [UInt8] = []) -> NodeID {
    NodeID(SHA1.hash((key + salt).rawBytes))
  }

  /// Where it is stored.
  public var target: NodeID { Self.target(key: key, salt: salt) }

  /// Whether the signature is right. Costs about 60 µs.
  public var isValid: Bool {
    Ed25519.isValid(signature, of: Self.message(value, salt, sequence), by: key)
  }

  /// What is signed: the fields as they stand in the bencoded message.
  static func message(_ value: [UInt8], _ salt: [UInt8], _ sequence: Int64) -> [UInt8] {
    var bytes: [UInt8] = []
    if !salt.isEmpty {
      bytes.append(utf8: "4:salt\(salt.count):")
      bytes += salt
    }
    bytes.append(utf8: "3:seqi\(sequence)e1:v")
    return bytes + value
  }
}
