import Bytes
import Digest

/// What both sides compute from their shared secret (96 bytes) and the info-hash, which MSE calls SKEY.
enum MSEKeys {
  /// Bytes of the key stream that are thrown away: its start says something of the key.
  private static let skipped = 1024

  /// What the responder looks for: it shows that the initiator knows the secret.
  static func synchronisation(_ secret: [UInt8]) -> SHA1Digest { hash("req1", secret) }

  /// The name of a torrent for who knows the info-hash.
  static func obfuscated(_ infoHash: InfoHash) -> SHA1Digest { hash("req2", infoHash.bytes) }

  /// What hides that name.
  static func mask(_ secret: [UInt8]) -> SHA1Digest { hash("req3", secret) }

  /// The key stream of the initiator's bytes, or of the responder's. `nil` if libcrypto has no RC4.
  static func cipher(ofInitiator isInitiator: Bool, _ secret: [UInt8], _ infoHash: InfoHash) -> RC4? {
    let key = hash(isInitiator ? "keyA" : "keyB", secret + infoHash.bytes).bytes
    let cipher = RC4(key: key.rawBytes)
    cipher?.skip(skipped)
    return cipher
  }

  private static func hash(_ label: String, _ bytes: [UInt8]) -> SHA1Digest {
    var input: [UInt8] = []
    input.append(utf8: label)
    input += bytes
    return SHA1.hash(input.rawBytes)
  }

  /// The bits in which two digests differ.
  static func exclusiveOr(_ one: SHA1Digest, _ other: SHA1Digest) -> SHA1Digest {
    var bytes = one.bytes
    for (index, byte) in other.bytes.enumerated() { bytes[index] ^= byte }
    return SHA1Digest(bytes.rawBytes)
  }
}
