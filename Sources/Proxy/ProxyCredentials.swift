import Bytes

/// User and password for a proxy. Nothing that prints it shows them.
public struct ProxyCredentials: Sendable, Hashable {
  /// The user, 1 to 255 bytes (RFC 1929), without a colon and without control characters.
  public let user: [UInt8]
  /// The password, up to 255 bytes.
  public let password: [UInt8]

  /// `nil` if a proxy could not be told them.
  public init?(user: [UInt8], password: [UInt8]) {
    guard 1...255 ~= user.count, password.count <= 255, !user.contains(UInt8(ascii: ":")),
      !(user + password).contains(where: { $0 < 32 || $0 == 127 })
    else { return nil }
    self.user = user
    self.password = password
  }

  /// From `user:password`, as in a file; what is behind the first line is passed over.
  public init?(_ text: String) {
    let line = text.prefix { !$0.isNewline }
    guard let colon = line.firstIndex(of: ":") else { return nil }
    self.init(user: Array(line[..<colon].utf8), password: Array(line[line.index(after: colon)...].utf8))
  }

  /// The message that tells them to a SOCKS proxy (RFC 1929).
  var message: [UInt8] {
    [1, UInt8(user.count)] + user + [UInt8(password.count)] + password
  }

  /// The value of `Proxy-Authorization` (RFC 7617).
  var basic: String { "Basic " + Self.base64(user + [UInt8(ascii: ":")] + password) }

  private static func base64(_ bytes: [UInt8]) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let part = bytes[start..<min(start + 3, bytes.count)]
      var group: UInt32 = 0
      for index in 0..<3 { group = group << 8 | (index < part.count ? UInt32(part[start + index]) : 0) }
      for index in 0..<4 {
        let digit = digits[Int(group >> UInt32(18 - 6 * index) & 63)]
        text.append(index <= part.count ? digit : UInt8(ascii: "="))
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}

extension ProxyCredentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// That there are some.
  public var description: String { "(user and password)" }

  /// The same.
  public var debugDescription: String { description }

  /// Nothing inside.
  public var customMirror: Mirror { Mirror(self, children: []) }
}
