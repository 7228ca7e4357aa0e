import Bytes
private import COpenSSL

/// The Diffie-Hellman exchange of message stream encryption: modulo a 768-bit prime, to the base 2. Short by
/// today's standards; it hides, it does not protect.
public struct KeyExchange: Sendable {
  /// Bytes of a public key and of the shared secret.
  public static let byteCount = 96
  /// Bytes of the private key, as MSE suggests.

  private let secret: [UInt8]
  /// What the other side is told: 96 bytes, big-endian.
  public let publicKey: [UInt8]

  /// A fresh exchange from 20 random bytes; others are for tests. Takes about 50 µs.
  public init(secret: [UInt8] = .random(count: 20)) {
    self.secret = secret
    publicKey = Self.power([2], secret)
  }

  /// The secret that both sides share: 96 bytes. `nil` if the other's key is not between 2 and the prime less
  /// 2, where everyone would know the secret. Takes about 50 µs.
  public func shared(with publicKey: [UInt8]) -> [UInt8]? {
    guard publicKey.count == Self.byteCount, publicKey.dropLast().contains(where: { $0 != 0 }),
      publicKey.lexicographicallyPrecedes(Self.prime.dropLast() + [0x62])
    else { return nil }
    return Self.power(publicKey, secret)
  }

  private static let prime: [UInt8] =
    [UInt8](
      hexadecimal: """
        FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74\
        020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437\
        4FE1356D6D51C245E485B576625E7EC6F44C42E9A63A36210000000000090563
        """) ?? []

  /// `base` to the power of `exponent`, modulo the prime, as 96 bytes.
  private static func power(_ base: [UInt8], _ exponent: [UInt8]) -> [UInt8] {
    let context = unsafe BN_CTX_new()
    let base = unsafe BN_bin2bn(base, Int32(base.count), nil)
    let exponent = unsafe BN_bin2bn(exponent, Int32(exponent.count), nil)
    let modulus = unsafe BN_bin2bn(prime, Int32(prime.count), nil)
    let result = unsafe BN_new()
    defer {
      unsafe BN_clear_free(base)
      unsafe BN_clear_free(exponent)
      unsafe BN_free(modulus)
      unsafe BN_clear_free(result)
      unsafe BN_CTX_free(context)
    }
    var bytes = [UInt8](repeating: 0, count: byteCount)
    let isDone = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
      unsafe BN_mod_exp(result, base, exponent, modulus, context) == 1
        && BN_bn2binpad(result, buffer.baseAddress, Int32(byteCount)) == Int32(byteCount)
    }
    precondition(isDone, "libcrypto is out of memory")
    return bytes
  }
}
