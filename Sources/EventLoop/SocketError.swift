internal import Glibc

/// A system call on a socket that failed.
public struct SocketError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What was tried: `listen on 0.0.0.0:80`.
  public let operation: String
  /// The C library's error number.
  public let code: Int32

  init(_ operation: String, code: Int32 = errno) {
    self.operation = operation
    self.code = code
  }

  /// `cannot listen on 0.0.0.0:80: Permission denied`.
  public var description: String { "cannot \(operation): \(Self.message(code))" }

  /// What the system says of an error number.
  public static func message(_ code: Int32) -> String {
    var text = [CChar](repeating: 0, count: 128)
    guard unsafe strerror_r(code, &text, text.count) == 0 else { return "error \(code)" }
    let said = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return said.isEmpty ? "error \(code)" : String(decoding: said, as: UTF8.self)
  }
}
