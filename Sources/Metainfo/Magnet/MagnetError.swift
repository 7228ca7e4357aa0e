/// What is wrong with a magnet link.
public enum MagnetError: Error, Sendable, Equatable {
  /// The text does not begin with `magnet:?`.
  case notAMagnet
  /// There is no `xt` with an info-hash.
  case noInfoHash
  /// An info-hash that is neither 40 hexadecimal nor 32 base32 digits, or for v2 no SHA-256 multihash.
  case invalidInfoHash(String)
  /// A publisher's key that is not 64 hexadecimal digits, or a salt that is not at most 128.
  case invalidKey(String)
  /// Two different info-hashes of one version.
  case conflictingInfoHashes
  /// A `%` that is not followed by two hexadecimal digits, or bytes that are not UTF-8.
  case invalidEscape(String)
  /// A peer that is not `host:port`.
  case invalidPeer(String)
  /// A selection of files that is not numbers and ranges.
  case invalidSelection(String)
  /// More bytes than the limit.
  case tooLong(limit: Int)
  /// More values of one parameter than the limit.
  case tooMany(parameter: String, limit: Int)
}

extension MagnetError: CustomStringConvertible {
  /// The fault in words.
  public var description: String {
    switch self {
    case .notAMagnet: "a magnet link begins with 'magnet:?'"
    case .noInfoHash: "the magnet link has no info-hash (xt=urn:btih:… or xt=urn:btmh:1220…)"
    case .invalidInfoHash(let text): "'\(text)' is not an info-hash"
    case .invalidKey(let text): "'\(text)' is not a publisher's key or salt in hexadecimal digits"
    case .conflictingInfoHashes: "the magnet link has two different info-hashes of one version"
    case .invalidEscape(let text): "'\(text)' is not escaped properly"
    case .invalidPeer(let text): "'\(text)' is not a peer's address and port"
    case .invalidSelection(let text): "'\(text)' is not a selection of files, such as 0,2,4-6"
    case .tooLong(let limit): "the magnet link is longer than \(limit) bytes"
    case .tooMany(let parameter, let limit): "the magnet link has more than \(limit) '\(parameter)'"
    }
  }
}
