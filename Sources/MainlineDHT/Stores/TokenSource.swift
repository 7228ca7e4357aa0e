import Addresses
import Bytes
import Digest

/// Gives out the tokens that announces and puts need, so that nobody announces for addresses at which he is
/// not (BEP 5). A token is a digest of a secret and the address; the secret changes every five minutes, and
/// tokens of the one before are taken, too.
struct TokenSource: Sendable {
  static let lifetime = 300.0
  private static let byteCount = 8

  private var secrets: (new: [UInt8], old: [UInt8])
  private var changedAt: Double

  init(now: Double, _ random: () -> UInt64) {
    secrets = (Self.secret(random), Self.secret(random))
    changedAt = now
  }

  /// Changes the secret if that is due.
  mutating func rotate(now: Double, _ random: () -> UInt64) {
    let age = now - changedAt
    guard age >= Self.lifetime else { return }
    secrets = (Self.secret(random), age < 2 * Self.lifetime ? secrets.new : Self.secret(random))
    changedAt = now
  }

  /// The token for an address.
  func token(for address: IPAddress) -> [UInt8] { Self.token(secrets.new, address) }

  /// Whether that was given to this address in the last five to ten minutes.
  func isValid(_ token: [UInt8], for address: IPAddress) -> Bool {
    token == Self.token(secrets.new, address) || token == Self.token(secrets.old, address)
  }

  private static func token(_ secret: [UInt8], _ address: IPAddress) -> [UInt8] {
    Array(SHA256.hash((secret + address.bytes).rawBytes).bytes.prefix(byteCount))
  }

  private static func secret(_ random: () -> UInt64) -> [UInt8] {
    var bytes: [UInt8] = []
    for _ in 0..<2 { bytes.append(bigEndian: random()) }
    return bytes
  }
}
