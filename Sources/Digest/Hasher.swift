import Bytes
private import COpenSSL

/// A running digest in libcrypto. Reusable and confined to one thread at a time; the context and the
/// algorithm are looked up once, which halves the cost of short inputs.
@safe
struct Hasher: ~Copyable {
  private let context: OpaquePointer
  private let algorithm: OpaquePointer

  init(_ name: StaticString) {
    let fetched = name.withUTF8Buffer { buffer in
      unsafe EVP_MD_fetch(nil, UnsafeRawPointer(buffer.baseAddress)?.assumingMemoryBound(to: CChar.self), nil)
    }
    guard let algorithm = unsafe fetched, let context = unsafe EVP_MD_CTX_new() else {
      fatalError("libcrypto has no \(name)")
    }
    unsafe self.context = context
    unsafe self.algorithm = algorithm
    reset()
  }

  deinit {
    unsafe EVP_MD_CTX_free(context)
    unsafe EVP_MD_free(algorithm)
  }

  func reset() {
    let done = unsafe EVP_DigestInit_ex2(context, algorithm, nil)
    precondition(done == 1)
  }

  func update(_ bytes: RawSpan) {
    unsafe bytes.withUnsafeBytes { buffer in
      let done = unsafe EVP_DigestUpdate(context, buffer.baseAddress, buffer.count)
      precondition(done == 1)
    }
  }

  /// Ends the digest, calls `read` with its bytes and starts anew.
  func finish<Result>(_ read: (RawSpan) -> Result) -> Result {
    let result = unsafe withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { buffer in
      var length: UInt32 = 0
      let bytes = unsafe buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
      let done = unsafe EVP_DigestFinal_ex(context, bytes, &length)
      precondition(done == 1)
      return unsafe read(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(buffer)))
    }
    reset()
    return result
  }
}

/// SHA-1 of bytes that come in parts. Confined to one thread at a time.
public struct SHA1: ~Copyable {
  private let hasher = Hasher("SHA1")

  /// An empty digest.
  public init() {}

  /// Takes in more bytes. O(n), about 2 GB/s with the processor's SHA instructions.
  public func update(_ bytes: RawSpan) { hasher.update(bytes) }

  /// The digest of all that was taken in; the next `update` starts a new one.
  public func finish() -> SHA1Digest { hasher.finish { SHA1Digest($0) } }

  /// The digest of one buffer.
  public static func hash(_ bytes: RawSpan) -> SHA1Digest {
    let running = SHA1()
    running.update(bytes)
    return running.finish()
  }
}

/// SHA-256 of bytes that come in parts. Confined to one thread at a time.
public struct SHA256: ~Copyable {
  private let hasher = Hasher("SHA256")

  /// An empty digest.
  public init() {}

  /// Takes in more bytes. O(n), about 2 GB/s with the processor's SHA instructions.
  public func update(_ bytes: RawSpan) { hasher.update(bytes) }

  /// The digest of all that was taken in; the next `update` starts a new one.
  public func finish() -> SHA256Digest { hasher.finish { SHA256Digest($0) } }

  /// The digest of `left` followed by `right`: a parent in a Merkle tree (BEP 52). No allocation.
  public func parent(_ left: SHA256Digest, _ right: SHA256Digest) -> SHA256Digest {
    unsafe withUnsafeTemporaryAllocation(byteCount: 2 * SHA256Digest.byteCount, alignment: 8) { pair in
      unsafe left.store(to: pair, at: 0)
      unsafe right.store(to: pair, at: SHA256Digest.byteCount)
      unsafe Self.parents(pair, count: 1)
      return unsafe SHA256Digest(RawSpan(_unsafeBytes: UnsafeRawBufferPointer(pair)))
    }
  }

  /// The digest of one buffer.
  public static func hash(_ bytes: RawSpan) -> SHA256Digest {
    let running = SHA256()
    running.update(bytes)
    return running.finish()
  }
}
