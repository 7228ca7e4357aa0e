// Proxy: how proxies are spoken with, as a core: SOCKS 5 over TCP and UDP (RFC 1928, RFC 1929), and CONNECT of
// HTTP (RFC 9110, 9.3.6). No socket, no clock. May import Addresses and Bytes.

public import Addresses
import Bytes

/// A proxy: `socks5://user:password@host:port`, `socks5h://…` or `http://…`.
///
/// Names of hosts behind it are always for the proxy to find, so that `socks5` and `socks5h` are the same. What
/// describes it, reflection included, never has the password.
public struct ProxyURL: Sendable, Hashable {
  /// What it speaks.
  public enum Kind: String, Sendable, CaseIterable {
    /// SOCKS 5: TCP and UDP.
    case socks5
    /// HTTP with CONNECT: TCP only.
    case http
  }

  /// What it speaks.
  public let kind: Kind
  /// Its name, or its address without brackets.
  public let host: String
  /// Its port; 1080 for SOCKS and 8080 for HTTP unless the URL has one.
  public let port: UInt16
  /// Whom it knows us as.
  public var credentials: ProxyCredentials?

  /// Puts one together.
  public init(_ kind: Kind, host: String, port: UInt16, credentials: ProxyCredentials? = nil) {
    self.kind = kind
    self.host = host
    self.port = port
    self.credentials = credentials
  }

  /// Reads a URL.
  /// - Throws: what is wrong with it, without quoting it: it may have a password.
  public init(_ text: String) throws(ProxyURLError) {
    guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else { throw .scheme }
    switch text[..<colon].lowercased() {
    case "socks5", "socks5h": kind = .socks5
    case "http": kind = .http
    default: throw .scheme
    }
    var rest = text[text.index(colon, offsetBy: 3)...]
    if rest.hasSuffix("/") { rest = rest.dropLast() }
    guard !rest.contains(where: { "/?#".contains($0) }) else { throw .path }
    var place = rest
    if let at = rest.lastIndex(of: "@") {
      credentials = try Self.credentials(rest[..<at])
      place = rest[rest.index(after: at)...]
    }
    (host, port) = try Self.place(place, usual: kind == .socks5 ? 1080 : 8080)
  }

  /// The address that the host is written as, if it is no name.
  public var address: IPAddress? { IPAddress(host) }

  private static func credentials(_ text: Substring) throws(ProxyURLError) -> ProxyCredentials {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let user = unescaped(parts[0]), let password = unescaped(parts.count > 1 ? parts[1] : ""),
      let credentials = ProxyCredentials(user: user, password: password)
    else { throw .credentials }
    return credentials
  }

  private static func place(_ text: Substring, usual: UInt16) throws(ProxyURLError) -> (String, UInt16) {
    var name = text
    var port = usual
    if let colon = text.lastIndex(of: ":"), text.last != "]" {
      guard let given = UInt16(text[text.index(after: colon)...]), given > 0 else { throw .port }
      port = given
      name = text[..<colon]
    }
    if name.hasPrefix("["), name.hasSuffix("]") {
      name = name.dropFirst().dropLast()
      guard let address = IPAddress(String(name)), !address.isV4 else { throw .host }
      return (String(name), port)
    }
    guard ProxyTarget.isName(name) else { throw .host }
    return (String(name), port)
  }

  /// The bytes behind percent signs; `nil` if there are no two digits behind one.
  private static func unescaped(_ text: Substring) -> [UInt8]? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard rest.count >= 2, let value = [UInt8](hexadecimal: String(decoding: rest.prefix(2), as: UTF8.self))
      else { return nil }
      bytes += value
      rest = rest.dropFirst(2)
    }
    return bytes
  }
}

extension ProxyURL: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The URL without user and password.
  public var description: String {
    "\(kind.rawValue)://" + (host.contains(":") ? "[\(host)]" : host) + ":\(port)"
  }

  /// The same.
  public var debugDescription: String { description }

  /// Nothing inside.
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Why a text is no proxy's URL.
public enum ProxyURLError: Error, Equatable, Sendable, CustomStringConvertible {
  /// It does not begin with `socks5://`, `socks5h://` or `http://`.
  case scheme
  /// The host is missing or no host.
  case host
  /// The port is no number from 1 to 65535.
  case port
  /// Something follows host and port.
  case path
  /// User or password is empty, too long or wrongly escaped.
  case credentials

  /// The end of a sentence that begins with what was given.
  public var description: String {
    switch self {
    case .scheme: "does not begin with socks5://, socks5h:// or http://"
    case .host: "has no host such as proxy.example or 192.0.2.1 behind the scheme"
    case .port: "has no port from 1 to 65535 behind the host"
    case .path: "has something behind host and port"
    case .credentials: "has a user or password that is empty, longer than 255 bytes or wrongly escaped"
    }
  }
}
