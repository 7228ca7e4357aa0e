private import COpenSSL

extension [UInt8] {
  /// `count` bytes from libcrypto's generator, fit for keys and secrets.
  public static func random(count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let done = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
      unsafe RAND_bytes(buffer.baseAddress, Int32(buffer.count))
    }
    precondition(done == 1, "the system gives no random bytes")
    return bytes
  }
}
