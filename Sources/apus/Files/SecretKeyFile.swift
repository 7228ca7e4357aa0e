import Bytes
import Digest
import Glibc

/// A file with the secret key of mutable items: 64 hexadecimal digits, for its owner only.
enum SecretKeyFile {
  /// The seed in the file; if there is no file, one with a new key is made.
  static func seed(_ path: String) throws(Failure) -> [UInt8] {
    guard unsafe access(path, F_OK) == 0 else { return try make(path) }
    let bytes = try FileSystem.read(path, limit: 4096)
    let digits = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
    guard let seed = [UInt8](hexadecimal: digits), seed.count == Ed25519.keySize else {
      throw Failure("'\(path)' is no key: it should have 64 hexadecimal digits")
    }
    return seed
  }

  private static func make(_ path: String) throws(Failure) -> [UInt8] {
    let seed = [UInt8].random(count: Ed25519.keySize)
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FileSystem.failure("cannot make the key file", path) }
    defer { close(descriptor) }
    guard FileSystem.writeAll(descriptor, Array((seed.hexadecimal + "\n").utf8)), fsync(descriptor) == 0
    else {
      throw FileSystem.failure("cannot write the key file", path)
    }
    return seed
  }
}
