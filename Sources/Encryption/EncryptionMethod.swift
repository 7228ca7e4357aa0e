// Encryption: message stream encryption (MSE/PE), with which peers hide what they speak: the handshake as a
// core without sockets, and the ciphers that come out of it. May import Bytes and Digest.

/// How the bytes after the handshake travel. The bits of `crypto_provide` and `crypto_select`.
public struct EncryptionMethod: OptionSet, Sendable, Hashable {
  /// The bits as they are on the wire.
  public let rawValue: UInt32

  /// From the bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// Only the handshake was hidden; what follows is in the clear.
  public static let plain = EncryptionMethod(rawValue: 1)
  /// Everything is encrypted.
  public static let rc4 = EncryptionMethod(rawValue: 2)
}

/// Whether connections are encrypted.
public enum EncryptionPolicy: String, Sendable, CaseIterable {
  /// In the clear only; who greets encrypted is refused.
  case off
  /// In the clear, but encrypted with who asks for it or answers nothing else.
  case allow
  /// Encrypted where the other side can, else in the clear.
  case prefer
  /// Encrypted with RC4 or not at all.
  case require

  /// Whether connections that we open begin with a key exchange.
  public var beginsEncrypted: Bool { self == .prefer || self == .require }

  /// Whether who hangs up on one way of beginning may be tried the other way.
  public var canVary: Bool { self == .allow || self == .prefer }

  /// What is offered and accepted of what an encrypted handshake can choose.
  public var methods: EncryptionMethod {
    switch self {
    case .off: []
    case .allow, .prefer: [.rc4, .plain]
    case .require: .rc4
    }
  }
}
