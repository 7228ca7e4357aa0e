private import COpenSSL

/// Ed25519 signatures (RFC 8032) by libcrypto: what mutable items of the DHT are signed with (BEP 44).
public enum Ed25519 {
  /// Bytes of a secret seed and of a public key.
  public static let keySize = 32
  /// Bytes of a signature.
  public static let signatureSize = 64

  /// The public key that belongs to a seed of 32 bytes; `nil` if it has another length.
  public static func publicKey(seed: [UInt8]) -> [UInt8]? {
    unsafe withSecretKey(seed) { key in
      var bytes = [UInt8](repeating: 0, count: keySize)
      var length = keySize
      return unsafe EVP_PKEY_get_raw_public_key(key, &bytes, &length) == 1 ? bytes : nil
    }
  }

  /// The signature of `message` with a seed of 32 bytes; `nil` if that has another length.
  public static func sign(_ message: [UInt8], seed: [UInt8]) -> [UInt8]? {
    unsafe withSecretKey(seed) { key in
      guard let context = unsafe EVP_MD_CTX_new() else { return nil }
      defer { unsafe EVP_MD_CTX_free(context) }
      guard unsafe EVP_DigestSignInit(context, nil, nil, nil, key) == 1 else { return nil }
      var signature = [UInt8](repeating: 0, count: signatureSize)
      var length = signatureSize
      let done = unsafe EVP_DigestSign(context, &signature, &length, message, message.count)
      return done == 1 && length == signatureSize ? signature : nil
    }
  }

  /// Whether `signature` is that of `message` by the owner of `publicKey`. About 60 µs.
  public static func isValid(_ signature: [UInt8], of message: [UInt8], by publicKey: [UInt8]) -> Bool {
    guard signature.count == signatureSize, publicKey.count == keySize,
      let key = unsafe EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, publicKey, keySize)
    else { return false }
    defer { unsafe EVP_PKEY_free(key) }
    guard let context = unsafe EVP_MD_CTX_new() else { return false }
    defer { unsafe EVP_MD_CTX_free(context) }
    defer { ERR_clear_error() }
    guard unsafe EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1 else { return false }
    return unsafe EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
  }

  private static func withSecretKey(_ seed: [UInt8], _ body: (OpaquePointer) -> [UInt8]?) -> [UInt8]? {
    guard seed.count == keySize,
      let key = unsafe EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, keySize)
    else { return nil }
    defer { unsafe EVP_PKEY_free(key) }
    return unsafe body(key)
  }
}
