import Bytes
private import COpenSSL

/// An RC4 key stream, by libcrypto. Broken as a cipher: peers use it to hide what they speak (MSE), no more.
///
/// Confined to one thread at a time; may be handed from one to another.
@safe
public final class RC4: @unchecked Sendable {
  private let context: OpaquePointer

  /// The stream of a key of 1 to 256 bytes. `nil` if this system's libcrypto comes without RC4.
  public init?(key: RawSpan) {
    guard let algorithm = unsafe Algorithm.shared?.pointer, let context = unsafe EVP_CIPHER_CTX_new() else {
      return nil
    }
    unsafe self.context = context
    let isReady = unsafe key.withUnsafeBytes { key in
      unsafe EVP_CipherInit_ex2(context, algorithm, nil, nil, 1, nil) == 1
        && EVP_CIPHER_CTX_set_key_length(context, Int32(key.count)) == 1
        && EVP_CipherInit_ex2(
          context, nil, key.baseAddress?.assumingMemoryBound(to: UInt8.self), nil, 1, nil) == 1
    }
    if !isReady { return nil }
  }

  deinit { unsafe EVP_CIPHER_CTX_free(context) }

  /// Encrypts or decrypts in place: the next bytes of the stream are added to `bytes`. O(n), about 750 MiB/s.
  public func apply(to bytes: UnsafeMutableRawBufferPointer) {
    var done = 0
    while done < bytes.count {
      // The length is an Int32.
      let part = min(bytes.count - done, 1 << 30)
      let start = unsafe bytes.baseAddress?.advanced(by: done).assumingMemoryBound(to: UInt8.self)
      var count: Int32 = 0
      let result = unsafe EVP_CipherUpdate(context, start, &count, start, Int32(part))
      precondition(result == 1)
      done += part
    }
  }

  /// Encrypts or decrypts in place. O(n).
  public func apply(to bytes: inout [UInt8]) {
    unsafe bytes.withUnsafeMutableBytes { unsafe apply(to: $0) }
  }

  /// Passes over the next bytes of the stream.
  public func skip(_ count: Int) {
    unsafe withUnsafeTemporaryAllocation(byteCount: count, alignment: 8) { room in
      unsafe room.initializeMemory(as: UInt8.self, repeating: 0)
      unsafe apply(to: room)
    }
  }

  /// RC4 lies in a provider that is not loaded by default. It gets a library context of its own, so that the
  /// program's default stays as it is; loaded once, when first needed, and kept.
  @safe
  private struct Algorithm: @unchecked Sendable {
    let pointer: OpaquePointer

    static let shared: Algorithm? = {
      let library = unsafe OSSL_LIB_CTX_new()
      guard unsafe OSSL_PROVIDER_load(library, "legacy") != nil,
        let algorithm = unsafe EVP_CIPHER_fetch(library, "RC4", nil)
      else { return nil }
      return unsafe Algorithm(pointer: algorithm)
    }()
  }
}
