public import Digest

/// What an encrypted handshake wants after some bytes of the other side.
public enum MSEStep: Sendable {
  /// Send these bytes, which may be none, and go on receiving.
  case more([UInt8])
  /// Send these bytes; the handshake is over.
  case done([UInt8], MSEResult)
  /// It cannot succeed.
  case failed(MSEFailure)
}

/// What an encrypted handshake has come to.
public struct MSEResult: Sendable {
  /// Which torrent it is about.
  public let infoHash: InfoHash
  /// How the bytes that follow travel: one method.
  public let method: EncryptionMethod
  /// What they are encrypted with.
  public let ciphers: StreamCiphers
  /// Bytes of the stream that came with the handshake, in the clear.
  public let early: [UInt8]
}

/// Why an encrypted handshake failed.
public enum MSEFailure: Error, Equatable, Sendable {
  /// The public key of the other side is one whose secret everyone knows.
  case badKey
  /// What should follow the padding does not come where it must.
  case notSynchronised
  /// The initiator asks for a torrent that is not here.
  case unknownTorrent
  /// The constant that shows that both have the same keys is wrong.
  case badConstant
  /// More padding than is allowed.
  case tooLong
  /// Nothing that one side can do is acceptable to the other.
  case noCommonMethod
  /// This system's libcrypto has no RC4.
  case noCipher
}

/// Sizes of the handshake.
enum MSESize {
  /// Zeros that show that both sides have the same keys.
  static let constant = 8
  /// The longest padding.
  static let padding = 512
  /// Padding of random length.
  static func randomPadding() -> [UInt8] {
    .random(count: Int.random(in: 0...padding))
  }
}
