internal import Glibc
import HTTPServer

/// Where the key and the certificates for HTTPS lie: files in PEM.
public struct TLSFiles: Sendable, Equatable {
  /// The certificates, the server's own first.
  public var certificates: String
  /// The private key.
  public var key: String

  /// Two files.
  public init(certificates: String, key: String) {
    self.certificates = certificates
    self.key = key
  }

  /// What is in them now.
  func read() throws(TrackerError) -> TLSIdentity {
    TLSIdentity(certificates: try Self.text(certificates), key: try Self.text(key))
  }

  private static func text(_ path: String) throws(TrackerError) -> String {
    guard let file = unsafe fopen(path, "re") else {
      throw unsafe TrackerError(description: "cannot read \(path): \(String(cString: strerror(errno)))")
    }
    defer { unsafe fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = unsafe fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self)
  }
}
